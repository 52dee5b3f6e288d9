"""Images fetched from their addresses, on public hosts alone.

An address is resolved once and connected to as resolved, so that no second answer of a name server
can lead elsewhere; redirections are followed by hand and held to the same rules.
"""

import asyncio
import socket
from base64 import b64encode
from collections.abc import Callable, Sequence
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from yarl import URL

from workloads.gateway.errors import ApiError, bad_request
from workloads.gateway.surfaces.links import Link

# Converse's own limits (botocore, `bedrock-runtime`, Message.content): images, and bytes of one.
MOST_IMAGES = 20
MOST_BYTES = 3_750_000
MOST_REDIRECTIONS = 3
SECONDS = 10  # for all of them

_SIGNATURES = {b"\x89PNG\r\n\x1a\n": "png", b"\xff\xd8\xff": "jpeg", b"GIF8": "gif"}
# Ways to write an IPv4 address, private ones too, inside of IPv6: NAT64, 6to4, Teredo.
_TRANSLATED = [
    IPv6Network(network) for network in ("64:ff9b::/96", "64:ff9b:1::/48", "2002::/16", "2001::/32")
]


def is_public(host: str) -> bool:
    """Whether an address is on the public internet: not private, loopback, link-local, metadata.

    Raises ValueError where `host` is no address.
    """
    address: IPv4Address | IPv6Address = ip_address(host.partition("%")[0])
    if isinstance(address, IPv6Address):
        if any(address in network for network in _TRANSLATED):
            return False
        address = address.ipv4_mapped or address
    return address.is_global and not address.is_multicast


class RemoteImages:
    """Fetches what requests link to, if it is `allowed`; tests have hosts of their own."""

    def __init__(self, allowed: bool, is_public: Callable[[str], bool] = is_public) -> None:
        self._allowed = allowed
        self._is_public = is_public

    async def inline(self, links: Sequence[Link]) -> None:
        """Put every image in the place of its link. Raises ApiError 400."""
        if not self._allowed:
            raise bad_request(
                "images must be sent as base64, such as data:image/png;base64,…: nothing is "
                "fetched from an address here"
            )
        if len(links) > MOST_IMAGES:
            raise bad_request(f"there are {len(links)} images; {MOST_IMAGES} may be fetched")
        connector = aiohttp.TCPConnector(
            resolver=_Resolver(self._is_public), use_dns_cache=False, force_close=True
        )
        timeout = aiohttp.ClientTimeout(total=SECONDS)
        headers = {"accept": "image/*", "accept-encoding": "identity", "user-agent": "gateway"}
        async with aiohttp.ClientSession(
            connector=connector,
            timeout=timeout,
            headers=headers,
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,
        ) as session:
            tasks = [asyncio.create_task(self._fetch(session, link.url)) for link in links]
            try:
                images = await asyncio.gather(*tasks)
            finally:
                for task in tasks:
                    task.cancel()
        for link, image in zip(links, images, strict=True):
            link.fill(_kind(image, link.url), b64encode(image).decode())

    async def _fetch(self, session: aiohttp.ClientSession, link: str) -> bytes:
        url = self._checked(link, link)
        try:
            for _ in range(1 + MOST_REDIRECTIONS):
                async with session.get(url, allow_redirects=False) as response:
                    if location := response.headers.get("location"):
                        url = self._checked(str(url.join(URL(location))), link)
                        continue
                    if response.status != 200:
                        raise _unfetched(link, f"its server answered {response.status}")
                    return await _body(response, link)
        except TimeoutError:
            raise _unfetched(link, f"it did not come within {SECONDS} s") from None
        except (aiohttp.ClientError, OSError, ValueError):
            raise _unfetched(link, "its server cannot be reached") from None
        raise _unfetched(link, f"it was redirected more than {MOST_REDIRECTIONS} times")

    def _checked(self, address: str, link: str) -> URL:
        try:
            url = URL(address)
            host = url.host
            usable = url.scheme in ("http", "https") and bool(host) and url.user is None
        except ValueError:
            usable, host = False, None
        if not usable or host is None:
            raise _unfetched(link, "it is no address such as https://example.com/fox.png")
        try:
            public = self._is_public(host)  # a name is none, but looked up by the resolver
        except ValueError:
            public = True
        if not public:
            raise _unfetched(link, "its server cannot be reached")
        return url


class _Resolver(AbstractResolver):
    """Gives the addresses of a name if all of them are public."""

    def __init__(self, is_public: Callable[[str], bool]) -> None:
        self._is_public = is_public

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        loop = asyncio.get_running_loop()
        found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM, family=family)
        addresses = [(family, str(address[0])) for family, _, _, _, address in found]
        if not all(self._is_public(address) for _, address in addresses):
            raise OSError(None, f"{host} is not public")
        return [
            ResolveResult(
                hostname=host,
                host=address,
                port=port,
                family=family,
                proto=0,
                flags=socket.AI_NUMERICHOST,
            )
            for family, address in addresses
        ]

    async def close(self) -> None:
        """Nothing is kept."""


async def _body(response: aiohttp.ClientResponse, link: str) -> bytes:
    parts, size = [], 0
    async for part in response.content.iter_any():
        parts.append(part)
        size += len(part)
        if size > MOST_BYTES:
            raise _unfetched(link, f"it is larger than {MOST_BYTES:,} bytes")
    return b"".join(parts)


def _kind(image: bytes, link: str) -> str:
    """The type by the first bytes, whatever its server calls it. Raises ApiError 400."""
    for signature, kind in _SIGNATURES.items():
        if image.startswith(signature):
            return kind
    if image[:4] == b"RIFF" and image[8:12] == b"WEBP":
        return "webp"
    raise _unfetched(link, "it is no PNG, JPEG, GIF or WebP")


def _unfetched(link: str, reason: str) -> ApiError:
    return bad_request(f"the image {link[:200]!r} cannot be fetched: {reason}")
