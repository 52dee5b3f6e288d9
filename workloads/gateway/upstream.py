"""One HTTP service that requests are sent on to, signed or not."""

from collections.abc import Awaitable, Mapping
from contextvars import ContextVar
from types import TracebackType
from typing import NamedTuple

import aiohttp
from aiohttp import ClientResponse
from yarl import URL

from workloads.gateway.errors import ApiError, unavailable
from workloads.gateway.signing import Signer

CONNECT_SECONDS = 5
# What reading an answer raises when it is cut off; `Upstream.post` makes an ApiError of it.
CUT = (aiohttp.ClientError, OSError)

# Headers that carry a trace on, where there is one. Not signed: proxies may write their own.
OUTGOING: ContextVar[Mapping[str, str] | None] = ContextVar("OUTGOING", default=None)


class Target(NamedTuple):
    """A place to post to: made once, used by every request."""

    url: URL
    path: str  # percent-encoded, as on the wire


def client_session() -> aiohttp.ClientSession:
    """The one HTTP client of the process; connections are pooled without a limit.

    It waits for ever: whoever asks has a deadline, and aiohttp's own timer for silence, set anew
    for every read, costs a tenth of a whole answer's processor time.
    """
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=0),
        cookie_jar=aiohttp.DummyCookieJar(),
        timeout=aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_SECONDS),
        headers={"accept-encoding": "identity", "user-agent": "gateway"},
        auto_decompress=False,
    )


class Upstream:
    """A service at `url`. `name` is what clients are told of it when it fails."""

    def __init__(
        self, session: aiohttp.ClientSession, url: str, *, name: str, signer: Signer | None = None
    ) -> None:
        self._session = session
        self._base = url.rstrip("/")
        self._signer = signer
        self.name = name

    def target(self, path: str) -> Target:
        """`path`, percent-encoded already, below the service's URL."""
        url = URL(self._base + path, encoded=True)
        return Target(url, url.raw_path)

    def sibling(self, suffix: str, path: str) -> Target:
        """`path` beside the service's URL instead of below it: without its `suffix`."""
        url = URL(self._base.removesuffix(suffix) + path, encoded=True)
        return Target(url, url.raw_path)

    def post(self, target: Target, body: bytes, headers: Mapping[str, str]) -> "Posted":
        """Send `body`; leaving the block early closes the connection, which aborts the work.

        `headers` have lower-case names. Raises ApiError where the service does not answer,
        also while the answer is read inside the block.
        """
        if self._signer is not None:
            host = target.url.raw_authority
            headers = self._signer.sign(target.path, body, {**headers, "host": host})
        if carried := OUTGOING.get():
            headers = {**headers, **carried}
        request = self._session.post(target.url, data=body, headers=headers, allow_redirects=False)
        return Posted(self.name, request)


class Posted:
    """A request as a block, within which its answer is read."""

    __slots__ = ("_name", "_request", "_response")

    def __init__(self, name: str, request: Awaitable[ClientResponse]) -> None:
        self._name = name
        self._request = request

    async def __aenter__(self) -> ClientResponse:
        try:
            self._response = await self._request
        except CUT as error:
            raise self._failure(error) from error
        return self._response

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        self._response.release()
        await self._response.wait_for_close()
        if isinstance(error, CUT):
            raise self._failure(error) from error

    def _failure(self, error: BaseException) -> ApiError:
        if isinstance(error, TimeoutError):
            return unavailable(f"{self._name} did not answer in time", status=504)
        if isinstance(error, aiohttp.ClientConnectorError | aiohttp.ClientConnectionResetError):
            return unavailable(f"{self._name} cannot be reached")
        return unavailable(f"{self._name} broke off its answer", status=502)


def retry_after(response: aiohttp.ClientResponse) -> int | None:
    """The seconds of a Retry-After header; None where there is none or it is a date."""
    value = response.headers.get("retry-after", "")
    return int(value) if value.isascii() and value.isdigit() and len(value) < 6 else None
