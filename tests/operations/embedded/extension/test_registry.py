"""The types' tables against CloudFormation's own registry, as cfn-lint packages it."""

import json
from functools import cache
from pathlib import Path

import cfnlint.data.schemas
import pytest

from operations.embedded.extension.api_type import ApiType
from operations.embedded.extension.types import HANDLERS

SCHEMAS = Path(cfnlint.data.schemas.__file__).parent


@cache
def schema(type: str) -> dict:
    index = json.loads((SCHEMAS / "providers" / "us-east-2.json").read_text())
    return json.loads((SCHEMAS / "resources" / index[type]).with_suffix(".json").read_text())


def names(type: str, group: str) -> set[str]:
    return {path.removeprefix("/properties/") for path in schema(type).get(group, [])}


AWS_TYPES = [handler for handler in HANDLERS if handler.type.startswith("AWS::")]


@pytest.mark.parametrize("handler", AWS_TYPES, ids=lambda handler: handler.type)
def test_what_makes_a_new_resource_is_what_the_registry_says(handler):
    nested = {name for name in names(handler.type, "createOnlyProperties") if "/" in name}

    assert set(handler.create_only) == names(handler.type, "createOnlyProperties") - nested


API_TYPES = [handler for handler in HANDLERS if isinstance(handler, ApiType)]


@pytest.mark.parametrize("handler", API_TYPES, ids=lambda handler: handler.type)
def test_what_a_template_may_ask_for_is_known_to_the_registry(handler):
    known = schema(handler.type)["properties"].keys()

    assert handler.attributes.keys() <= known
    assert handler.rename.keys() <= known
