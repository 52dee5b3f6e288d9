"""AWS Signature Version 4 for requests with a body in memory, a few microseconds each.

The signing key depends on the day and the secret alone and is kept, as is the canonical form
of each path. Follows the AWS General Reference, "Create a signed AWS API request"; the tests
hold it against botocore's signer.
"""

import hmac
import time
from collections.abc import Callable, Mapping
from hashlib import sha256
from typing import NamedTuple
from urllib.parse import quote


class Credentials(NamedTuple):
    """Three values that belong together; the token where they are temporary."""

    access_key: str
    secret_key: str
    token: str | None = None


class Signer:
    """Signs requests to one service in one region.

    `credentials` returns the ones to use now; `clock` the time in seconds since the epoch.
    """

    def __init__(
        self,
        *,
        service: str,
        region: str,
        credentials: Callable[[], Credentials],
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._service = service
        self._region = region
        self._credentials = credentials
        self._clock = clock
        self._paths: dict[str, str] = {}
        self._key_of: tuple[str, str] = ("", "")
        self._key = b""

    def sign(self, path: str, body: bytes, headers: Mapping[str, str]) -> dict[str, str]:
        """`headers` plus the date, token and authorization of `POST path`.

        `path` is the percent-encoded path on the wire, without a query. `headers` holds
        every header to be signed, with lower-case names, `host` among them.
        """
        credentials = self._credentials()
        now = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(self._clock()))
        signed = {**headers, "x-amz-date": now}
        if credentials.token:
            signed["x-amz-security-token"] = credentials.token
        names = sorted(signed)
        names_line = ";".join(names)
        canonical = "\n".join(
            (
                "POST",
                self._canonical_path(path),
                "",  # no query
                *(f"{name}:{signed[name].strip()}" for name in names),
                "",
                names_line,
                sha256(body).hexdigest(),
            )
        )
        scope = f"{now[:8]}/{self._region}/{self._service}/aws4_request"
        digest = sha256(canonical.encode()).hexdigest()
        signature = hmac.digest(
            self._signing_key(now[:8], credentials.secret_key),
            f"AWS4-HMAC-SHA256\n{now}\n{scope}\n{digest}".encode(),
            "sha256",
        ).hex()
        signed["authorization"] = (
            f"AWS4-HMAC-SHA256 Credential={credentials.access_key}/{scope}, "
            f"SignedHeaders={names_line}, Signature={signature}"
        )
        return signed

    def _canonical_path(self, path: str) -> str:
        # Every service but S3 wants the encoded path encoded once more: %3A becomes %253A.
        canonical = self._paths.get(path)
        if canonical is None:
            canonical = self._paths[path] = quote(path, safe="/-_.~")
        return canonical

    def _signing_key(self, day: str, secret: str) -> bytes:
        if self._key_of != (day, secret):
            key = f"AWS4{secret}".encode()
            for part in (day, self._region, self._service, "aws4_request"):
                key = hmac.digest(key, part.encode(), "sha256")
            self._key_of, self._key = (day, secret), key
        return self._key
