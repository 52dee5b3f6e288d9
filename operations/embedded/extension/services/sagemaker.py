"""SageMaker's control plane for hosting: models, endpoint configurations, endpoints.

An endpoint stays in the status Creating, because no instance ever serves it.
"""

from collections.abc import Iterable
from typing import Any

from operations.embedded.extension.services.engine import (
    JsonService,
    Operation,
    Record,
    ServiceError,
    Store,
    now,
    retag,
)


class Kind:
    """One kind of SageMaker resource: its calls differ from the others' in names only."""

    def __init__(self, noun: str, arn: str, words: str) -> None:
        self.noun = noun  # as in CreateModel, ModelName, ModelArn
        self.arn = arn  # as in arn:aws:sagemaker:REGION:ACCOUNT:model/NAME
        self.words = words  # as in error messages

    def operations(self) -> dict[str, Operation]:
        return {
            f"Create{self.noun}": self.create,
            f"Describe{self.noun}": self.find,
            f"Delete{self.noun}": self.delete,
            f"List{self.noun}s": self.list,
        }

    def create(self, store: Store, request: Record) -> Record:
        name = request[f"{self.noun}Name"]
        if name in store.kinds[self.noun]:
            raise _refused(f"Cannot create already existing {self.words} {name!r}.")
        _check_references(store, request)
        record = request | {
            f"{self.noun}Arn": store.arn(f"{self.arn}/{name}"),
            "CreationTime": now(),
            "LastModifiedTime": now(),
        }
        if self.noun == "Endpoint":
            record |= {"EndpointStatus": "Creating"}
        store.kinds[self.noun][name] = record
        return record

    def find(self, store: Store, request: Record) -> Record:
        name = request[f"{self.noun}Name"]
        if name not in store.kinds[self.noun]:
            raise _refused(f"Could not find {self.words} {name!r}.")
        return store.kinds[self.noun][name]

    def delete(self, store: Store, request: Record) -> Record:
        self.find(store, request)
        return store.kinds[self.noun].pop(request[f"{self.noun}Name"])

    def list(self, store: Store, request: Record) -> Record:
        return {f"{self.noun}s": list(store.kinds[self.noun].values())}


_MODEL = Kind("Model", "model", "model")
_CONFIG = Kind("EndpointConfig", "endpoint-config", "endpoint configuration")
_ENDPOINT = Kind("Endpoint", "endpoint", "endpoint")
_KINDS = (_MODEL, _CONFIG, _ENDPOINT)


def _update_endpoint(store: Store, request: Record) -> Record:
    endpoint = _ENDPOINT.find(store, request)
    _check_references(store, request)
    endpoint |= request | {"LastModifiedTime": now()}
    return endpoint


def _check_references(store: Store, request: Record) -> None:
    """A configuration needs its models, an endpoint its configuration."""
    for variant in request.get("ProductionVariants", []):
        if "ModelName" in variant:
            _MODEL.find(store, variant)
    if "EndpointName" in request:
        _CONFIG.find(store, request)


def _add_tags(store: Store, request: Record) -> Record:
    record = _tagged(store, request["ResourceArn"])
    retag(record, request["Tags"], [])
    return record


def _delete_tags(store: Store, request: Record) -> Record:
    retag(_tagged(store, request["ResourceArn"]), [], request["TagKeys"])
    return {}


def _list_tags(store: Store, request: Record) -> Record:
    return {"Tags": _tagged(store, request["ResourceArn"]).get("Tags", [])}


def _tagged(store: Store, arn: str) -> Record:
    for record in _all(store):
        if arn in record.values():
            return record
    raise _refused(f"Could not find resource {arn!r}.")


def _all(store: Store) -> Iterable[dict[str, Any]]:
    return (record for kind in _KINDS for record in store.kinds[kind.noun].values())


def _refused(reason: str) -> ServiceError:
    return ServiceError("ValidationException", reason)


SAGEMAKER = JsonService(
    "sagemaker",
    {name: call for kind in _KINDS for name, call in kind.operations().items()}
    | {
        "UpdateEndpoint": _update_endpoint,
        "AddTags": _add_tags,
        "DeleteTags": _delete_tags,
        "ListTags": _list_tags,
    },
)
