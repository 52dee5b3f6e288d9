"""How each type's resources are found through their own service, and their properties compared.

A type without a row here is never called verified.
"""

from operations.embedded.verify import (
    access,
    compute,
    kubernetes,
    models,
    network,
    observability,
    storage,
)
from operations.embedded.verify.verifier import Verifier

VERIFIERS: dict[str, Verifier] = {
    **network.VERIFIERS,
    **storage.VERIFIERS,
    **compute.VERIFIERS,
    **kubernetes.VERIFIERS,
    **models.VERIFIERS,
    **observability.VERIFIERS,
    **access.VERIFIERS,
}
