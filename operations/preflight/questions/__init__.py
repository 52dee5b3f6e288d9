"""The questions, a module per area."""

from operations.preflight.questions import (
    account,
    bedrock,
    budget,
    capacity,
    cluster,
    deployment,
    endpoints,
    gateway,
    images,
    network,
    quotas,
    reservations,
    storage,
)
from operations.preflight.registry import Question

_AREAS = (
    account,
    deployment,
    network,
    capacity,
    reservations,
    quotas,
    cluster,
    images,
    storage,
    endpoints,
    bedrock,
    gateway,
    budget,
)

# By id, in the order of the areas and of their modules.
QUESTIONS: dict[str, Question] = {
    found.id: found
    for area in _AREAS
    for found in vars(area).values()
    if isinstance(found, Question)
}
