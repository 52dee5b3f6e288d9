"""The backends of a model table."""

from collections.abc import Callable, Iterable

import aiohttp

from workloads.gateway.backends.bedrock import BedrockModel
from workloads.gateway.backends.openai_server import OpenAIServer
from workloads.gateway.backends.sagemaker import SageMakerEndpoint
from workloads.gateway.call import Backend
from workloads.gateway.config import GuardrailConfig, ModelConfig
from workloads.gateway.upstream import Upstream


def build_backends(
    models: Iterable[ModelConfig],
    guardrail: GuardrailConfig | None,
    session: aiohttp.ClientSession,
    aws: Callable[[str], Upstream],
) -> dict[str, Backend]:
    """One backend for every model, by the model's name.

    `aws` gives the signed upstream of a service, and is asked only for services that are needed.
    """
    backends: dict[str, Backend] = {}
    for model in models:
        if model.bedrock is not None:
            backends[model.name] = BedrockModel(
                aws("bedrock-runtime"),
                name=model.name,
                model_id=model.bedrock,
                guardrail=guardrail,
            )
        elif model.sagemaker is not None:
            backends[model.name] = SageMakerEndpoint(
                aws("sagemaker-runtime"), name=model.name, endpoint=model.sagemaker
            )
        elif model.openai is not None:
            server = Upstream(session, model.openai, name=f"the server of model {model.name!r}")
            backends[model.name] = OpenAIServer(server, name=model.name)
    return backends
