"""Embedding models of Amazon Bedrock, each family in its own form, through InvokeModel.

From the Bedrock user guide, "Amazon Titan Embeddings" and "Cohere Embed".
"""

from typing import Any

from workloads.gateway.call import Json
from workloads.gateway.errors import bad_request
from workloads.gateway.surfaces.embeddings import EmbeddingCall

COHERE_TEXTS = 96  # in one request; Titan takes one


def embedding_requests(model_id: str, call: EmbeddingCall) -> list[Json]:
    """The bodies that together embed every text, in order. Raises ApiError 400."""
    texts, dimensions = call.texts, call.body.get("dimensions")
    if "titan-embed-text" in model_id:
        more = {} if dimensions is None else {"dimensions": dimensions}
        return [{"inputText": text, **more} for text in texts]
    if "cohere.embed" in model_id:
        more = {} if dimensions is None else {"output_dimension": dimensions}
        kind = call.body.get("input_type") or "search_document"
        return [
            {"texts": texts[i : i + COHERE_TEXTS], "input_type": kind, **more}
            for i in range(0, len(texts), COHERE_TEXTS)
        ]
    raise bad_request(f"the model {call.model!r} makes no embeddings that are known here", "model")


def embedding_vectors(answer: Any) -> list[list[float]]:
    """The vectors in one answer. Raises KeyError or TypeError where it has none."""
    if "embedding" in answer:
        return [answer["embedding"]]
    vectors = answer["embeddings"]
    # Cohere answers by type where it was asked for types, and some versions always do.
    return list(vectors["float"] if isinstance(vectors, dict) else vectors)
