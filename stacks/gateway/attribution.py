"""Who a model's cost is for: an application inference profile for each tenant and model.

Bedrock user guide, "Track costs": what is asked through a profile is billed under its tags.
"""

import hashlib
import re
from collections.abc import Iterable, Mapping

import aws_cdk as cdk
from aws_cdk import aws_bedrock as bedrock
from constructs import Construct

from stacks.gateway.bedrock_access import Source, source_of
from workloads.gateway.config import ModelConfig

TAG = "tenant"
_LONGEST = 64


class Attribution(Construct):
    """The profiles, and by model whose they are.

    `arns` maps a model to its tenants' profiles. A model of an ARN has none: an imported or
    provisioned one is nothing to copy from, an application profile is one already.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        models: Iterable[ModelConfig],
        tenants: Iterable[str],
    ) -> None:
        super().__init__(scope, construct_id)
        self._names = cdk.Stack.of(self).stack_name

        sources = {
            model.name: source_of(model.bedrock, cdk.Stack.of(self))
            for model in models
            if model.bedrock and not model.bedrock.startswith("arn:")
        }
        self.sources: list[Source] = []
        self.arns: Mapping[str, dict[str, str]] = {
            model: {tenant: self._profile(model, tenant, source) for tenant in tenants}
            for model, source in sources.items()
        }

    def _profile(self, model: str, tenant: str, source: Source) -> str:
        profile = bedrock.CfnApplicationInferenceProfile(
            self,
            f"{model}-{tenant}".replace("/", "-"),
            inference_profile_name=_name(self._names, model, tenant),
            model_source=bedrock.CfnApplicationInferenceProfile.InferenceProfileModelSourceProperty(
                copy_from=source.arn
            ),
        )
        cdk.Tags.of(profile).add(TAG, tenant)
        arn = profile.attr_inference_profile_arn
        self.sources.append(Source(arn, source.model, routed=True))
        return arn


def _name(*parts: str) -> str:
    """A name that Bedrock takes, and the same for no other parts."""
    digest = hashlib.sha256("\n".join(parts).encode()).hexdigest()[:8]
    readable = re.sub(r"[^0-9A-Za-z]+", "-", "-".join(parts)).strip("-")
    return f"{readable[: _LONGEST - 9].rstrip('-')}-{digest}"
