"""The rules that tie the gateway to the environment's region and network.

Each raises an error whose sentence says what would be right.
"""

import json
import re
from urllib.parse import urlsplit

from stacks.config.errors import wrong
from workloads.gateway.config import ModelConfig

# Beginning of an inference profile's ID -> beginnings of the regions it is called from. The guide
# lists the regions per model (Bedrock user guide, "Supported Regions and models for inference
# profiles"); where its lists differ, this one is generous.
_GEOGRAPHIES = {
    "us": ("us-", "ca-"),
    "eu": ("eu-", "il-", "me-"),
    "apac": ("ap-", "me-"),
    "jp": ("ap-northeast-",),
    "au": ("ap-southeast-",),
    "ca": ("ca-",),
}
# Beginning of a region -> the profiles it calls first; of any other region, those of the world.
_OF_REGION = {"us-": "us", "eu-": "eu", "ap-": "apac", "ca-": "us"}

# Models that Bedrock serves through an inference profile alone, whatever the region: Claude from
# 3.7 on ("Invocation of model ID ... with on-demand throughput isn't supported") and Nova Premier
# (Bedrock user guide, "Supported Regions and models for batch inference").
_PROFILE_ONLY = re.compile(r"anthropic\.claude-(3-7|[a-z]+-[4-9])|amazon\.nova-premier")


def check_models_region(models: tuple[ModelConfig, ...], region: str) -> None:
    """Whether every model can be called from the region, by the ID or URL that is given."""
    for model in models:
        key = f"gateway.models[{json.dumps(model.name)}]"
        if model.bedrock:
            _check_bedrock(f"{key}.bedrock", model.bedrock, region)
        if model.openai:
            _check_server(f"{key}.openai", model.openai)


def check_guardrails_region(guardrails: tuple[str, ...], region: str) -> None:
    """Whether Bedrock can apply every guardrail where it is called."""
    for arn in guardrails:
        if arn.split(":")[3] != region:
            raise wrong(
                "gateway.guardrails",
                arn,
                f"Bedrock applies a guardrail of its own region alone; create one in {region}",
            )


def check_remote_images(allowed: bool, egress: str) -> None:
    """Whether the gateway can reach the images that it may fetch."""
    if allowed and egress == "private":
        raise wrong(
            "gateway.remote_images",
            True,
            'no image can be fetched with network.egress = "private"; set it to false, and send '
            "images as data URIs",
        )


def check_jwt(jwt: bool, egress: str) -> None:
    """A load balancer fetches the issuer's keys from the internet, as it does for OIDC.

    ELB user guide, "Verify JWTs": the endpoint is public; "Authenticate users": one inside the VPC
    reaches such endpoints through a NAT gateway.
    """
    if jwt and egress == "private":
        raise wrong(
            "gateway.jwt",
            None,
            "needs a way out: the load balancer fetches the issuer's keys; set network.egress = "
            '"nat", or leave jwt out and give API keys',
        )


def _check_bedrock(key: str, model_id: str, region: str) -> None:
    geography, _, bare = model_id.partition(".")
    home = next((_OF_REGION[start] for start in _OF_REGION if region.startswith(start)), "global")
    if geography in _GEOGRAPHIES and not region.startswith(_GEOGRAPHIES[geography]):
        raise wrong(
            key,
            model_id,
            f"the inference profiles of {geography}. cannot be called from {region}; use "
            f"{home}.{bare}",
        )
    if _PROFILE_ONLY.match(model_id):
        raise wrong(
            key,
            model_id,
            f"Bedrock serves it through an inference profile alone; use {home}.{model_id}",
        )


def _check_server(key: str, url: str) -> None:
    if not urlsplit(url).path:
        raise wrong(
            key,
            url,
            f"it has no path, so that every request would be a 404; vLLM and OpenAI answer under "
            f"{url}/v1",
        )
