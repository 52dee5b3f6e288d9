"""AWS's answers: each call made once however many questions need it, and its errors sorted."""

import json
import threading
from collections.abc import Callable
from concurrent.futures import Future
from functools import cache
from textwrap import shorten
from typing import Any

import boto3
import botocore.session
from botocore import xform_name
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from botocore.loaders import Loader
from botocore.parsers import ResponseParserError

Answer = dict[str, Any]

# A question that is not answered in time is said to be so; the whole command has seconds.
_CONFIG = Config(
    connect_timeout=5,
    read_timeout=10,
    retries={"mode": "standard", "total_max_attempts": 3},
    max_pool_connections=20,
)
# What services call a missing permission; S3 answers a HEAD with the number alone.
_DENIALS = (
    "403",
    "AccessDenied",
    "AccessDeniedException",
    "AuthorizationError",
    "AuthorizationErrorException",
    "UnauthorizedOperation",
)


class Denied(Exception):
    """The caller may not ask; the text is the operation, such as ec2:DescribeVpcs."""


class Refused(Exception):
    """The service answered with an error: often that something does not exist."""

    def __init__(self, asked: str, code: str, reason: str) -> None:
        super().__init__(f"{asked} is answered with {code}{f': {reason}' if reason else ''}")
        self.code = code


class Silent(Exception):
    """The service did not answer, or the region has no such service."""


@cache
def _loader() -> Loader:
    """The models of the services, which take longest to read, read once."""
    loader: Loader = botocore.session.get_session().get_component("data_loader")
    return loader


def new_session() -> boto3.Session:
    """A session with credentials as the AWS SDK's standard environment gives them."""
    core = botocore.session.get_session()
    core.register_component("data_loader", _loader())
    return boto3.Session(botocore_session=core)


class Aws:
    """The services of one account, by the operations' own names; for use by several threads."""

    def __init__(self, session: boto3.Session, region: str) -> None:
        self.region = region
        self._session = session
        self._lock = threading.Lock()  # making a client is not thread-safe, using one is
        self._clients: dict[tuple[str, str], Any] = {}
        self._answers: dict[str, Future[Answer]] = {}

    def ask(
        self, service: str, operation: str, *, region: str | None = None, **parameters: Any
    ) -> Answer:
        """The answer of an operation, all pages of it.

        Raises Denied, Refused or Silent.
        """
        where = region or self.region
        key = json.dumps([service, operation, where, parameters], sort_keys=True)
        with self._lock:
            mine = key not in self._answers
            future = self._answers.setdefault(key, Future())
        if mine:
            try:
                future.set_result(self._call(service, operation, where, parameters))
            except BaseException as error:
                future.set_exception(error)
        return future.result()

    def _call(
        self, service: str, operation: str, region: str, parameters: dict[str, Any]
    ) -> Answer:
        method = xform_name(operation)
        try:
            client = self._client(service, region)
            call: Callable[..., Answer] = getattr(client, method)
            if client.can_paginate(method):
                answer = client.get_paginator(method).paginate(**parameters).build_full_result()
            else:
                answer = call(**parameters)
            return _with_empty_lists(client, operation, answer)
        except ClientError as error:
            code = error.response["Error"].get("Code", "")
            if code in _DENIALS:
                raise Denied(f"{service}:{operation}") from error
            # Shortened: what is between here and AWS may answer with a page of its own.
            reason = shorten(error.response["Error"].get("Message", ""), 200)
            raise Refused(f"{service}:{operation}", code, reason) from error
        except (BotoCoreError, ResponseParserError) as error:
            # The first line: the second of a proxy's page is the page.
            raise Silent(f"{service} in {region}: {str(error).splitlines()[0]}") from error

    def _client(self, service: str, region: str) -> Any:
        with self._lock:
            if (service, region) not in self._clients:
                make: Any = self._session.client  # overloaded for literal names only
                self._clients[service, region] = make(service, region_name=region, config=_CONFIG)
            return self._clients[service, region]


def _with_empty_lists(client: Any, operation: str, answer: Answer) -> Answer:
    """An answer with each list that the operation has; services leave out those without items."""
    shape = client.meta.service_model.operation_model(operation).output_shape
    lists = (name for name, member in shape.members.items() if member.type_name == "list")
    return {**{name: [] for name in lists if name not in answer}, **answer}
