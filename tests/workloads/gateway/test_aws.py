import asyncio

import pytest
from botocore.credentials import Credentials

from workloads.gateway import aws
from workloads.gateway.aws import Aws, CredentialCache
from workloads.gateway.config import GatewayConfigError
from workloads.gateway.upstream import client_session


class Role:
    """A provider whose credentials a test replaces, or takes away."""

    def __init__(self) -> None:
        self.current: Credentials | None = Credentials("one", "secret", "token")
        self.asked = 0

    def get_frozen_credentials(self):
        self.asked += 1
        if self.current is None:
            raise RuntimeError("the metadata service is away")
        return self.current.get_frozen_credentials()


def test_credentials_are_renewed_and_kept_while_they_cannot_be(monkeypatch):
    monkeypatch.setattr(aws, "REFRESH_SECONDS", 0)
    role = Role()
    cache = CredentialCache(role)
    assert cache() == ("one", "secret", "token")

    async def run():
        renewal = asyncio.create_task(cache.keep_fresh())

        async def asked_again():
            seen = role.asked
            while role.asked < seen + 2:
                await asyncio.sleep(0)

        role.current = Credentials("two", "secret", None)
        await asked_again()
        assert cache() == ("two", "secret", None)
        role.current = None
        await asked_again()
        assert cache() == ("two", "secret", None)
        assert not cache.fresh
        role.current = Credentials("three", "secret", None)
        await asked_again()
        assert cache().access_key == "three"
        assert cache.fresh
        renewal.cancel()

    asyncio.run(run())


def upstream_url(service: str) -> str:
    async def run():
        async with client_session() as http:
            return str(Aws("us-gov-west-1", http).upstream(service).target("/x").url)

    return asyncio.run(run())


def test_endpoints_are_the_sdks_own(monkeypatch, tmp_path):
    for name, value in {
        "AWS_ACCESS_KEY_ID": "a",
        "AWS_SECRET_ACCESS_KEY": "b",
        "AWS_CONFIG_FILE": str(tmp_path / "none"),
    }.items():
        monkeypatch.setenv(name, value)
    for name in ("AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_BEDROCK_RUNTIME", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    default = "https://bedrock-runtime.us-gov-west-1.amazonaws.com/x"
    assert upstream_url("bedrock-runtime") == default
    assert upstream_url("sagemaker-runtime").startswith("https://runtime.sagemaker.us-gov")

    monkeypatch.setenv("AWS_USE_FIPS_ENDPOINT", "true")
    assert "bedrock-runtime-fips.us-gov-west-1" in upstream_url("bedrock-runtime")

    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1/prefix/")
    monkeypatch.setenv("AWS_USE_FIPS_ENDPOINT", "false")
    assert upstream_url("bedrock-runtime") == "http://127.0.0.1:1/prefix/x"
    monkeypatch.setenv("AWS_ENDPOINT_URL_BEDROCK_RUNTIME", "http://127.0.0.1:2")
    assert upstream_url("bedrock-runtime") == "http://127.0.0.1:2/x"


def test_a_profile_that_is_not_there_is_a_sentence(monkeypatch):
    monkeypatch.setenv("AWS_PROFILE", "does-not-exist")

    with pytest.raises(GatewayConfigError, match="does-not-exist"):
        upstream_url("bedrock-runtime")
