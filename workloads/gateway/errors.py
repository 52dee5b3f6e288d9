"""What a client is told when a request fails: OpenAI's error envelope.

A message never carries an AWS account id, an ARN, or a line of a traceback.
"""

import re
from typing import Any

import orjson

_ARN = re.compile(r"arn:aws[a-z-]*:[^\s\"',)\]]+")
_ACCOUNT = re.compile(r"(?<!\d)\d{12}(?!\d)")


class ApiError(Exception):
    """A failed request, as the client sees it.

    `elsewhere` says that another model of a fallback chain may well answer where this one
    did not: it was throttled or unavailable, and the request itself was not at fault.
    Without `retry` OpenAI's and Anthropic's SDKs are told not to try again by themselves.
    """

    def __init__(
        self,
        status: int,
        message: str,
        *,
        type: str = "invalid_request_error",
        code: str | None = None,
        param: str | None = None,
        retry_after: int | None = None,
        elsewhere: bool = False,
        retry: bool = True,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.type = type
        self.code = code
        self.param = param
        self.retry_after = retry_after
        self.elsewhere = elsewhere
        self.retry = retry

    def envelope(self) -> bytes:
        """The JSON body: {"error": {"message", "type", "param", "code"}}."""
        return orjson.dumps({"error": self.told()})

    def told(self) -> dict[str, Any]:
        """What the envelope holds."""
        return {
            "message": redact(self.message),
            "type": self.type,
            "param": self.param,
            "code": self.code,
        }


def bad_request(message: str, param: str | None = None) -> ApiError:
    """400: the request itself is at fault."""
    return ApiError(400, message, param=param)


def throttled(message: str, retry_after: int | None = None) -> ApiError:
    """429 from a backend: too much is asked of it at the moment."""
    return ApiError(
        429,
        message,
        type="rate_limit_error",
        code="rate_limit_exceeded",
        retry_after=retry_after,
        elsewhere=True,
    )


def unavailable(message: str, status: int = 503, retry_after: int | None = None) -> ApiError:
    """A backend that does not answer, or not with an answer."""
    return ApiError(
        status,
        message,
        type="server_error",
        code="backend_unavailable",
        retry_after=retry_after,
        elsewhere=True,
    )


def redact(message: str) -> str:
    """The message without ARNs and AWS account ids."""
    return _ACCOUNT.sub("<account>", _ARN.sub("<arn>", message))
