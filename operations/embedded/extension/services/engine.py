"""An AWS service of the JSON protocol, kept in memory and held to botocore's model."""

import json
import time
import uuid
from collections import defaultdict
from collections.abc import Callable, Mapping
from typing import Any

from operations.embedded.extension.shapes import (
    operation_model,
    project,
    request_shape,
    service_model,
    violations,
)

Record = dict[str, Any]


class ServiceError(Exception):
    """What the service refuses: an error code of its API and the reason."""

    def __init__(self, code: str, reason: str) -> None:
        super().__init__(reason)
        self.code = code


class Store:
    """The records of one service in one account and region, by kind and key."""

    def __init__(self, service: str, account: str, region: str) -> None:
        self.kinds: defaultdict[str, dict[Any, Record]] = defaultdict(dict)
        self.account = account
        self.region = region
        self._service = service

    def arn(self, path: str) -> str:
        return f"arn:aws:{self._service}:{self.region}:{self.account}:{path}"


Operation = Callable[[Store, Record], Mapping[str, Any]]


class JsonService:
    """Operations by name; each gets the store and a request that the model allows.

    Not `whole`: ministack has the service, and these are what it lacks of it.
    """

    def __init__(
        self, name: str, operations: Mapping[str, Operation], *, whole: bool = True
    ) -> None:
        self.name = name
        self._operations = operations
        self._whole = whole
        self._stores: dict[tuple[str, str], Store] = {}

    @property
    def target(self) -> str:
        """What precedes the operation in the X-Amz-Target header."""
        return f"{service_model(self.name).metadata['targetPrefix']}."

    def takes(self, target: str) -> bool:
        """Whether a call with this X-Amz-Target header is answered here."""
        ours = target.startswith(self.target)
        return ours and (self._whole or target.removeprefix(self.target) in self._operations)

    def answer(self, operation: str, body: bytes, account: str, region: str) -> tuple[int, Record]:
        """HTTP status and JSON answer of one call."""
        store = self._stores.setdefault((account, region), Store(self.name, account, region))
        try:
            return 200, self._perform(operation, json.loads(body or b"{}"), store)
        except ServiceError as error:
            return 400, {"__type": error.code, "message": str(error)}

    def _perform(self, name: str, request: Record, store: Store) -> Record:
        operation = self._operations.get(name)
        if operation is None:
            raise ServiceError(
                "UnknownOperationException", f"the embedded AWS has no {self.name} {name}"
            )
        if broken := list(violations(request_shape(self.name, name), request)):
            raise ServiceError("ValidationException", "; ".join(broken))
        answer = operation(store, request)
        shape = operation_model(self.name, name).output_shape
        return project(shape, answer) if shape else {}


def now() -> float:
    """Seconds since 1970, as the JSON protocol writes a time."""
    return round(time.time(), 3)


def new_id(prefix: str) -> str:
    """An id as AWS makes them: the prefix and 17 hexadecimal digits."""
    return prefix + uuid.uuid4().hex[:17]


def retag(record: Record, added: list[Record], removed: list[str]) -> None:
    """Change a record's list of tags."""
    tags = {tag["Key"]: tag["Value"] for tag in record.get("Tags", [])}
    tags |= {tag["Key"]: tag["Value"] for tag in added}
    record["Tags"] = [{"Key": k, "Value": v} for k, v in tags.items() if k not in removed]
