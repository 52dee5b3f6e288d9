"""The contract between CloudFormation's engine and a resource type that we add."""

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any, Protocol

import boto3
from botocore import xform_name
from botocore.config import Config
from botocore.exceptions import ClientError

from operations.embedded.extension.shapes import fit, request_shape, violations

Properties = Mapping[str, Any]  # as the template resolves: names in PascalCase, any JSON value

_SESSION = boto3.session.Session()  # one, because each reads the services' models anew
_LOCK = threading.Lock()  # making a client is not thread-safe, using one is
_CONFIG = Config(read_timeout=30, retries={"total_max_attempts": 1})
_GONE = ("NotFound", "NoSuch", "DoesNotExist", "Could not find", "not found", "does not exist")


@dataclass(frozen=True)
class Created:
    """What a template's Ref gives, and its GetAtt by attribute name."""

    id: str
    attributes: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Place:
    """Where a resource lives: the emulator's address, its account and region."""

    url: str
    account: str
    region: str


class Call:
    """One create, update or delete of one resource; its calls to the service's own API."""

    def __init__(self, place: Place, name: Callable[[int], str]) -> None:
        self.place = place
        self.name = name  # what CloudFormation calls an unnamed resource, at most so long
        self.dropped: list[str] = []  # paths of properties that the API has no place for

    def __call__(self, service: str, operation: str, parameters: Properties) -> dict[str, Any]:
        """Call `operation` of `service` with CloudFormation-like parameters; the API's answer.

        Raises ValueError for what the API's model forbids, ClientError for what it refuses.
        Patterns of names are left out: ids that ministack makes up do not all keep to them.
        """
        shape = request_shape(service, operation)
        fitted, dropped = fit(shape, parameters)
        self.dropped += dropped
        if broken := list(violations(shape, fitted, patterns=False)):
            raise ValueError(f"{operation}: {'; '.join(broken)}")
        method = getattr(client(service, self.place), xform_name(operation))
        answer: dict[str, Any] = method(**fitted)
        return answer

    def quietly(self, service: str, operation: str, parameters: Properties) -> None:
        """Call for a deletion: what is gone already is no error."""
        try:
            self(service, operation, parameters)
        except ClientError as error:
            if not is_gone(error):
                raise


class Handler(Protocol):
    """One CloudFormation type. Each method raises an exception whose text is the reason."""

    @property
    def type(self) -> str: ...

    @property
    def create_only(self) -> tuple[str, ...]:
        """Properties whose change makes a new resource."""

    def create(self, call: Call, properties: Properties) -> Created: ...

    def update(self, call: Call, id: str, old: Properties, new: Properties) -> Created: ...

    def delete(self, call: Call, id: str, properties: Properties) -> None: ...


def is_gone(error: ClientError) -> bool:
    """Whether an API refused because the resource does not exist (any more)."""
    text = f"{error.response['Error']['Code']} {error.response['Error']['Message']}"
    return any(word in text for word in _GONE)


@cache
def _client(service: str, place: Place) -> Any:
    with _LOCK:
        make: Any = _SESSION.client  # overloaded for literal names only
        return make(
            service,
            endpoint_url=place.url,
            region_name=place.region,
            aws_access_key_id=place.account,
            aws_secret_access_key="embedded",
            config=_CONFIG,
        )


def client(service: str, place: Place) -> Any:
    """A client of the emulated service, one for each place."""
    return _client(service, place)
