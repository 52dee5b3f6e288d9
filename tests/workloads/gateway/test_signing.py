"""The signer against botocore's, the oracle."""

from datetime import UTC, datetime

import botocore.auth
import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials as BotocoreCredentials

from workloads.gateway.signing import Credentials, Signer

NOW = datetime(2026, 11, 22, 5, 13, 9, tzinfo=UTC)
PATHS = [
    "/",
    "/model/amazon.nova-lite-v1%3A0/converse",
    "/model/arn%3Aaws%3Abedrock%3Aus-east-2%3A111122223333%3Ainference-profile%2Fus.x-v1%3A0/converse-stream",
    "/endpoints/tiny-llama/invocations",
    "/prefix/a~b_c.d/%E2%82%AC",
]


def botocore_signature(monkeypatch, path, body, headers, token, now, service, region) -> str:
    monkeypatch.setattr(botocore.auth, "get_current_datetime", lambda: now.replace(tzinfo=None))
    url = f"https://{headers['host']}{path}"
    request = AWSRequest("POST", url, headers=headers, data=body)
    SigV4Auth(BotocoreCredentials("AKID", "secret/+", token), service, region).add_auth(request)
    return request.headers["Authorization"]


def signer(now, token=None, service="bedrock", region="us-east-2") -> Signer:
    return Signer(
        service=service,
        region=region,
        credentials=lambda: Credentials("AKID", "secret/+", token),
        clock=now.timestamp,
    )


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("token", [None, "a/long+token=="])
@pytest.mark.parametrize("body", [b"", b'{"text":"\xe2\x82\xac"}'])
def test_a_signature_is_the_one_botocore_makes(monkeypatch, path, token, body):
    headers = {"host": "bedrock.example:8443", "content-type": "application/json"}

    signed = signer(NOW, token).sign(path, body, headers)

    expected = botocore_signature(
        monkeypatch, path, body, headers, token, NOW, "bedrock", "us-east-2"
    )
    assert signed["authorization"] == expected
    assert signed.get("x-amz-security-token") == token
    assert signed["x-amz-date"] == "20261122T051309Z"


def test_amazon_headers_are_signed_too(monkeypatch):
    headers = {
        "host": "dynamodb.us-east-2.amazonaws.com",
        "content-type": "application/x-amz-json-1.0",
        "x-amz-target": "DynamoDB_20120810.GetItem",
    }

    signed = signer(NOW, service="dynamodb").sign("/", b"{}", headers)

    assert "x-amz-target" in signed["authorization"]
    assert signed["authorization"] == botocore_signature(
        monkeypatch, "/", b"{}", headers, None, NOW, "dynamodb", "us-east-2"
    )


def test_the_kept_key_changes_at_midnight_and_with_the_credentials(monkeypatch):
    moments = [NOW, NOW.replace(hour=23, minute=59), NOW.replace(day=23, hour=0)]
    secrets = ["one", "two"]
    headers = {"host": "h", "content-type": "application/json"}
    current = {}
    kept = Signer(
        service="bedrock",
        region="us-east-2",
        credentials=lambda: Credentials("AKID", current["secret"], None),
        clock=lambda: current["now"].timestamp(),
    )
    signatures = set()
    for now in moments:
        for secret in secrets:
            current.update(now=now, secret=secret)
            fresh = Signer(
                service="bedrock",
                region="us-east-2",
                credentials=lambda secret=secret: Credentials("AKID", secret, None),
                clock=now.timestamp,
            )
            signed = kept.sign("/", b"", headers)
            assert signed == fresh.sign("/", b"", headers)
            signatures.add(signed["authorization"])
    assert len(signatures) == len(moments) * len(secrets)
