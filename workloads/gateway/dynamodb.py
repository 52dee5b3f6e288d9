"""One DynamoDB table over the gateway's own HTTP client, and the values its items are made of."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from typing import Any

import orjson

from workloads.gateway.upstream import Upstream

READ_SECONDS = 10.0  # then a request counts as failed

Item = Mapping[str, Any]


class DynamoDBError(Exception):
    """A request that DynamoDB refused: the name of its exception, and the answer."""

    def __init__(self, name: str, answer: Mapping[str, Any]) -> None:
        super().__init__(f"{name}: {answer.get('message') or answer.get('Message') or ''}"[:500])
        self.name = name
        self.answer = answer


class Table:
    """A table; items go in and come out as plain values."""

    def __init__(self, dynamodb: Upstream, name: str) -> None:
        self.name = name
        self._dynamodb = dynamodb
        self._target = dynamodb.target("/")

    async def call(self, operation: str, request: Mapping[str, Any]) -> dict[str, Any]:
        """Any operation. Raises DynamoDBError, ApiError, TimeoutError."""
        headers = {
            "content-type": "application/x-amz-json-1.0",
            "x-amz-target": f"DynamoDB_20120810.{operation}",
        }
        async with (
            asyncio.timeout(READ_SECONDS),
            self._dynamodb.post(self._target, orjson.dumps(request), headers) as response,
        ):
            body = await response.read()
            try:
                answer: dict[str, Any] = orjson.loads(body)
            except orjson.JSONDecodeError:
                answer = {}
            if response.status != 200:
                name = str(answer.get("__type", f"HTTP {response.status}")).rpartition("#")[2]
                raise DynamoDBError(name, answer)
            return answer

    async def get(self, key: Mapping[str, Any]) -> dict[str, Any] | None:
        """The item with that key."""
        request = {"TableName": self.name, "Key": to_item(key)}
        item = (await self.call("GetItem", request)).get("Item")
        return None if item is None else from_item(item)

    async def query(self, pk: str, first: str = " ", last: str = "~") -> AsyncIterator[Item]:
        """The items of a partition whose sort keys are from `first` to `last`."""
        request: dict[str, Any] = {
            "TableName": self.name,
            "KeyConditionExpression": "pk = :pk AND sk BETWEEN :first AND :last",
            "ExpressionAttributeValues": to_item({":pk": pk, ":first": first, ":last": last}),
            "ConsistentRead": True,
        }
        while True:
            answer = await self.call("Query", request)
            for item in answer["Items"]:
                yield from_item(item)
            if "LastEvaluatedKey" not in answer:
                return
            request["ExclusiveStartKey"] = answer["LastEvaluatedKey"]


def to_item(values: Mapping[str, Any]) -> dict[str, Any]:
    """Plain values with DynamoDB's types: 5 becomes {"N": "5"}."""
    return {name: _typed(value) for name, value in values.items()}


def from_item(item: Item) -> dict[str, Any]:
    """The values without their types."""
    return {name: _plain(value) for name, value in item.items()}


def _typed(value: Any) -> dict[str, Any]:
    match value:
        case bool():
            return {"BOOL": value}
        case int() | float():
            return {"N": repr(value)}
        case list() | tuple():
            return {"L": [_typed(element) for element in value]}
        case dict():
            return {"M": to_item(value)}
        case None:
            return {"NULL": True}
        case _:
            return {"S": value}


def _plain(attribute: Mapping[str, Any]) -> Any:
    [(kind, value)] = attribute.items()
    match kind:
        case "N":
            return int(value) if value.lstrip("-").isdigit() else float(value)
        case "L":
            return [_plain(element) for element in value]
        case "M":
            return from_item(value)
        case "NULL":
            return None
        case _:
            return value
