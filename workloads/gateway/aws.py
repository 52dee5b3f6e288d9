"""What the AWS SDK knows, asked once: credentials, and where a service is.

botocore reads the standard environment and configuration files; it sends no request of ours.
"""

import asyncio
import logging
from functools import cache, cached_property

import aiohttp
from botocore.credentials import Credentials as Provider
from botocore.exceptions import BotoCoreError, NoRegionError
from botocore.session import Session

from workloads.gateway.config import GatewayConfigError
from workloads.gateway.signing import Credentials, Signer
from workloads.gateway.upstream import Upstream

# botocore renews temporary credentials when less than 15 minutes are left, and does so when it
# is asked; asking every minute keeps the renewal's own requests out of every client's way.
REFRESH_SECONDS = 60

TITLES = {
    "bedrock-runtime": "Amazon Bedrock",
    "sagemaker-runtime": "Amazon SageMaker",
    "dynamodb": "Amazon DynamoDB",
}

log = logging.getLogger(__name__)


class CredentialCache:
    """The credentials of now, never waited for: a task renews them in a thread."""

    def __init__(self, provider: Provider) -> None:
        self._provider = provider
        self._current = _snapshot(provider)
        self.fresh = True  # False while the last renewal failed

    def __call__(self) -> Credentials:
        return self._current

    async def keep_fresh(self) -> None:
        """Renew for ever; a failure leaves the old ones in use and is logged."""
        while True:
            await asyncio.sleep(REFRESH_SECONDS)
            try:
                self._current = await asyncio.to_thread(_snapshot, self._provider)
                self.fresh = True
            except Exception as error:  # a provider may raise anything its source does
                log.warning("AWS credentials could not be renewed: %s", type(error).__name__)
                self.fresh = False


class Aws:
    """The SDK's standard settings, looked up where something needs them."""

    def __init__(self, region: str | None, http: aiohttp.ClientSession) -> None:
        self._session = Session()
        if region:
            self._session.set_config_variable("region", region)
        self._http = http
        self.used = False  # whether any service of AWS is needed
        self.upstream = cache(self._upstream)

    @cached_property
    def credentials(self) -> CredentialCache:
        """Raises GatewayConfigError where there are none."""
        self.used = True
        try:
            provider = self._session.get_credentials()
            if provider is not None:
                return CredentialCache(provider)
        except BotoCoreError as error:
            raise GatewayConfigError(f"the AWS credentials cannot be used: {error}") from error
        raise GatewayConfigError(
            "no AWS credentials were found, which Bedrock, SageMaker and the tenants' table "
            "need; give the process a role, or set AWS_PROFILE or AWS_ACCESS_KEY_ID"
        )

    def _upstream(self, service: str) -> Upstream:
        """The signed upstream of `service` (as in `aws <service>`).

        Its URL honours AWS_ENDPOINT_URL and its variants for single services, configuration
        files, FIPS and partitions. Raises GatewayConfigError.
        """
        try:
            client = self._session.create_client(service)
        except NoRegionError as error:
            raise GatewayConfigError(f"{service} needs a region: set AWS_REGION") from error
        except (BotoCoreError, ValueError) as error:
            raise GatewayConfigError(f"{service} cannot be set up: {error}") from error
        signer = Signer(
            service=client.meta.service_model.signing_name,
            region=client.meta.region_name,
            credentials=self.credentials,
        )
        title = TITLES[service]
        return Upstream(self._http, client.meta.endpoint_url, name=title, signer=signer)


def _snapshot(provider: Provider) -> Credentials:
    # Frozen by botocore: read one by one, key and token may belong to two renewals.
    frozen = provider.get_frozen_credentials()
    return Credentials(frozen.access_key or "", frozen.secret_key or "", frozen.token)
