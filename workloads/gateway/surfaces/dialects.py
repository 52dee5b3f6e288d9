"""How each API tells its clients that a request failed, and under which id.

From OpenAI's and Anthropic's API references ("Error codes", "Errors") and, for Bedrock, from the
service model of botocore: the tests let each SDK read what is written here.
"""

from typing import Protocol

import orjson

from workloads.gateway.errors import ApiError, redact
from workloads.gateway.event_stream import encode


class Dialect(Protocol):
    """One API's way with errors, and the headers it names differently."""

    request_id: bytes  # the header that carries it
    events: bytes  # content type of a stream

    def status(self, error: ApiError) -> int:
        """The status of an HTTP error."""

    def failure(self, error: ApiError, request_id: str) -> bytes:
        """The body of it."""

    def failure_headers(self, error: ApiError) -> dict[str, str]:
        """The headers that belong to it."""

    def last_event(self, error: ApiError, request_id: str) -> bytes:
        """What ends a stream that cannot go on."""


class OpenAI:
    """`{"error": {…}}`, which the client also raises when it is an event."""

    request_id = b"x-request-id"
    events = b"text/event-stream; charset=utf-8"

    def status(self, error: ApiError) -> int:
        return error.status

    def failure(self, error: ApiError, request_id: str) -> bytes:
        return error.envelope()

    def failure_headers(self, error: ApiError) -> dict[str, str]:
        return {"www-authenticate": "Bearer"} if error.status == 401 else {}

    def last_event(self, error: ApiError, request_id: str) -> bytes:
        return b"data: " + error.envelope() + b"\n\n"


class Anthropic:
    """`{"type": "error", …}`, as an event under the name `error`."""

    request_id = b"request-id"
    events = b"text/event-stream; charset=utf-8"

    def status(self, error: ApiError) -> int:
        return error.status

    def failure(self, error: ApiError, request_id: str) -> bytes:
        detail = {
            "type": _ANTHROPIC_TYPES.get(error.status, "api_error"),
            "message": redact(error.message),
        }
        return orjson.dumps({"type": "error", "error": detail, "request_id": request_id})

    def failure_headers(self, error: ApiError) -> dict[str, str]:
        return {}

    def last_event(self, error: ApiError, request_id: str) -> bytes:
        return b"event: error\ndata: " + self.failure(error, request_id) + b"\n\n"


class Bedrock:
    """`{"message": …}` under an exception's name in a header, or in a frame of the stream."""

    request_id = b"x-amzn-requestid"
    events = b"application/vnd.amazon.eventstream"

    def status(self, error: ApiError) -> int:
        return error.status if error.retry else 400  # its SDK tries again after any 429

    def failure(self, error: ApiError, request_id: str) -> bytes:
        return orjson.dumps({"message": redact(error.message)})

    def failure_headers(self, error: ApiError) -> dict[str, str]:
        if not error.retry:
            return {"x-amzn-errortype": "ServiceQuotaExceededException"}
        return {"x-amzn-errortype": _BEDROCK_NAMES.get(error.status, "ValidationException")}

    def last_event(self, error: ApiError, request_id: str) -> bytes:
        headers = {
            ":exception-type": _BEDROCK_EVENTS.get(error.status, "modelStreamErrorException"),
            ":content-type": "application/json",
            ":message-type": "exception",
        }
        return encode(headers, self.failure(error, request_id))


OPENAI, ANTHROPIC, BEDROCK = OpenAI(), Anthropic(), Bedrock()

_ANTHROPIC_TYPES = {
    400: "invalid_request_error",
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    405: "invalid_request_error",
    413: "request_too_large",
    422: "invalid_request_error",
    429: "rate_limit_error",
    503: "overloaded_error",
    504: "timeout_error",
}
_BEDROCK_NAMES = {
    401: "UnrecognizedClientException",
    403: "AccessDeniedException",
    404: "ResourceNotFoundException",
    429: "ThrottlingException",
    500: "InternalServerException",
    502: "ServiceUnavailableException",
    503: "ServiceUnavailableException",
    504: "ModelTimeoutException",
}
# Only these five may end a ConverseStream; the SDK cannot read others.
_BEDROCK_EVENTS = {
    400: "validationException",
    429: "throttlingException",
    500: "internalServerException",
    503: "serviceUnavailableException",
    504: "serviceUnavailableException",
}
