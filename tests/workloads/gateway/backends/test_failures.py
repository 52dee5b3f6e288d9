import json

import pytest

from workloads.gateway.backends.failures import aws_error, server_error


@pytest.mark.parametrize(
    ("name", "status", "expected", "elsewhere"),
    [
        ("ThrottlingException", 429, 429, True),
        ("ThrottlingException", 400, 429, True),
        ("throttlingException", 200, 429, True),
        ("ServiceQuotaExceededException", 400, 429, True),
        ("ModelNotReadyException", 429, 429, True),
        ("ServiceUnavailableException", 503, 503, True),
        ("InternalServerException", 500, 503, True),
        ("modelStreamErrorException", 200, 502, True),
        ("ModelErrorException", 424, 502, True),
        ("ModelTimeoutException", 408, 504, True),
        ("InternalFailure", 530, 503, True),
        ("ModelStreamError", 200, 502, True),
        ("somethingNewException", 200, 502, True),
        ("", 500, 502, True),
        ("", 429, 429, True),
        ("ValidationException", 400, 400, False),
        ("validationException", 200, 400, False),
        ("ResourceNotFoundException", 404, 404, False),
        ("", 400, 400, False),
        ("AccessDeniedException", 403, 502, True),
        ("ExpiredTokenException", 403, 502, True),
        ("UnrecognizedClientException", 403, 502, True),
        ("InvalidSignatureException", 403, 502, True),
    ],
)
def test_an_aws_error_by_name(name, status, expected, elsewhere):
    error = aws_error("Amazon Bedrock", name, status, b"{}")

    assert (error.status, error.elsewhere) == (expected, elsewhere)


def test_an_unknown_error_inside_a_stream_breaks_it_off():
    error = aws_error("Amazon Bedrock", "somethingNewException", 200, b'{"message": "why"}')

    assert error.message == "Amazon Bedrock broke off its answer: why"


@pytest.mark.parametrize(
    ("status", "expected", "elsewhere"),
    [
        (400, 400, False),
        (404, 404, False),
        (422, 422, False),
        (429, 429, True),
        (401, 502, True),
        (500, 502, True),
        (503, 503, True),
        (302, 502, True),
    ],
)
def test_a_servers_error_by_status(status, expected, elsewhere):
    error = server_error("the server", status, b'{"error": {"message": "why"}}')

    assert (error.status, error.elsewhere) == (expected, elsewhere)


@pytest.mark.parametrize(
    ("payload", "message"),
    [
        (b'{"message": "too long"}', "too long"),
        (b'{"Message": "too long"}', "too long"),
        (b'{"error": {"message": "too long"}}', "too long"),
        (b'{"error": "x"}', "refused the request"),
        (b"<html>", "refused the request"),
        (b"[]", "refused the request"),
    ],
)
def test_the_reason_is_passed_on_where_there_is_one(payload, message):
    assert message in aws_error("S", "ValidationException", 400, payload).message


def test_no_body_names_an_account_or_an_arn():
    text = "User: arn:aws-us-gov:sts::111122223333:assumed-role/x (account 111122223333), 1234"
    payload = json.dumps({"message": text}).encode()

    body = aws_error("Amazon Bedrock", "ValidationException", 400, payload).envelope()

    assert b"111122223333" not in body
    assert b"assumed-role" not in body
    assert b"1234" in body


def test_refused_credentials_are_not_described_to_the_client():
    payload = b'{"message": "User role/gateway is not authorized to perform bedrock:Converse"}'

    error = aws_error("Amazon Bedrock", "AccessDeniedException", 403, payload)

    assert "role" not in error.message
