"""Errors of AWS services and of OpenAI-compatible servers, as the client should see them."""

from collections.abc import Mapping
from typing import Any

import aiohttp
import orjson

from workloads.gateway.errors import ApiError, bad_request, throttled, unavailable
from workloads.gateway.upstream import retry_after

# Names of errors in an HTTP answer; inside a stream the same ones begin in lower case. The name
# counts, not the status: AWS's pages disagree on the status of some. From botocore's models
# of bedrock-runtime and sagemaker-runtime, and the common errors of all services.
_THROTTLED = {
    "ThrottlingException",
    "TooManyRequestsException",
    "ServiceQuotaExceededException",
    "ModelNotReadyException",
}
_UNAVAILABLE = {
    "ServiceUnavailableException": 503,
    "ServiceUnavailable": 503,
    "InternalServerException": 503,
    "InternalFailure": 503,
    "InternalDependencyException": 503,
    "InternalStreamFailure": 502,
    "ModelStreamErrorException": 502,
    "ModelStreamError": 502,
    "ModelErrorException": 502,
    "ModelError": 502,
    "ModelTimeoutException": 504,
}
_AT_FAULT = {"ValidationException": 400, "ValidationError": 400, "ResourceNotFoundException": 404}


def aws_failure(service: str, response: aiohttp.ClientResponse, body: bytes) -> ApiError:
    """The error of an AWS service that answered with another status than 200."""
    # The header may have a URL after the name and a colon.
    name = response.headers.get("x-amzn-errortype", "").partition(":")[0]
    return aws_error(service, name, response.status, body, retry_after(response))


def aws_stream_failure(service: str, headers: Mapping[str, str], payload: bytes) -> ApiError:
    """The error in a frame of a stream that is not an event."""
    name = headers.get(":exception-type") or headers.get(":error-code") or ""
    return aws_error(service, name, 200, payload)


def aws_error(
    service: str, name: str, status: int, payload: bytes, retry_after: int | None = None
) -> ApiError:
    """The error that an AWS service calls `name`, in its answer or inside its stream."""
    name = name[:1].upper() + name[1:]
    detail = _message(payload)
    if name in _THROTTLED or (status == 429 and name not in _UNAVAILABLE):
        return throttled(f"{service} is throttled{detail}", retry_after)
    if name in _UNAVAILABLE or status >= 500:
        code = _UNAVAILABLE.get(name, 502)
        return unavailable(f"{service} is unavailable{detail}", code, retry_after)
    if name in _AT_FAULT:
        return ApiError(_AT_FAULT[name], f"{service} refused the request{detail}")
    if status == 200:  # inside a stream
        return unavailable(f"{service} broke off its answer{detail}", 502)
    if status == 400 and "Token" not in name and "Signature" not in name:
        return bad_request(f"{service} refused the request{detail}")
    # Credentials or permissions: the operator's business, whose details are in the log.
    return unavailable(f"{service} refused the gateway's own credentials", 502)


def server_error(name: str, status: int, body: bytes, retry_after: int | None = None) -> ApiError:
    """The error of an OpenAI-compatible server that answered with HTTP `status`."""
    detail = _message(body)
    if status == 429:
        return throttled(f"{name} is throttled{detail}", retry_after)
    if status in (400, 404, 413, 422):
        return ApiError(status, f"{name} refused the request{detail}")
    code = status if status in (503, 504) else 502
    return unavailable(f"{name} is unavailable", code, retry_after)


def _message(payload: bytes) -> str:
    """': ' and the text in an error's JSON, of AWS or OpenAI; '' where there is none."""
    try:
        error: Any = orjson.loads(payload)
    except orjson.JSONDecodeError:
        return ""
    if isinstance(error, dict) and isinstance(error.get("error"), dict):
        error = error["error"]
    if not isinstance(error, dict):
        return ""
    message = error.get("message") or error.get("Message") or error.get("detail")
    return f": {message}" if isinstance(message, str) and message else ""
