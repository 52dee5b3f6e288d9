"""The backends of a model table."""

from collections.abc import Callable, Iterable

import aiohttp

from workloads.gateway.backends.bedrock import BedrockModel
from workloads.gateway.backends.guarded import Guarded
from workloads.gateway.backends.openai_server import OpenAIServer
from workloads.gateway.backends.sagemaker import SageMakerEndpoint
from workloads.gateway.call import Backend
from workloads.gateway.config import GuardrailConfig, ModelConfig
from workloads.gateway.guardrails import Guard
from workloads.gateway.upstream import Upstream


def build_backends(
    models: Iterable[ModelConfig],
    guardrail: GuardrailConfig | None,
    session: aiohttp.ClientSession,
    aws: Callable[[str], Upstream],
    *,
    guarded: bool,
) -> dict[str, Backend]:
    """One backend for every model, by the model's name.

    `aws` gives the signed upstream of a service, and is asked only for services that are needed;
    `guarded` says that guardrails are, besides `guardrail`: there may be tenants who have one.
    """
    models = list(models)
    needs_aws = guarded or guardrail is not None or any(model.openai is None for model in models)
    guard = Guard(aws("bedrock-runtime")) if needs_aws else None

    def backend(model: ModelConfig) -> Backend:
        if model.bedrock is not None:
            assert guard is not None
            return BedrockModel(
                aws("bedrock-runtime"),
                name=model.name,
                model_id=model.bedrock,
                guard=guard,
                guardrail=guardrail,
                profiles=model.profiles or {},
            )
        own: Backend
        if model.sagemaker is not None:
            own = SageMakerEndpoint(
                aws("sagemaker-runtime"), name=model.name, endpoint=model.sagemaker
            )
        else:
            assert model.openai is not None
            server = Upstream(session, model.openai, name=f"the server of model {model.name!r}")
            own = OpenAIServer(server, name=model.name)
        return Guarded(own, name=model.name, guard=guard, guardrail=guardrail)

    return {model.name: backend(model) for model in models}
