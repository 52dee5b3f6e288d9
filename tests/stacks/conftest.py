"""Environment files as changes to the smallest one, loaded or refused."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import tomli_w

from stacks.config import ConfigError, EnvironmentConfig, NodePoolConfig, load_environments

SMALLEST = {"region": "us-east-2", "network": {"zones": ["use2-az2", "use2-az3"]}}
POOL = {"name": "one", "instance_type": "trn1.32xlarge", "zone": "use2-az3"}


def _changed(base: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    """The table with some keys set, or left out where the value is `...`."""
    table = dict(base)
    for key, value in changes.items():
        if value is ...:
            table.pop(key)
        elif isinstance(value, dict) and isinstance(table.get(key), dict):
            table[key] = _changed(table[key], value)
        else:
            table[key] = value
    return table


@pytest.fixture
def load(tmp_path: Path) -> Callable[..., EnvironmentConfig]:
    """Load the smallest environment with changes, its pools being changes to a Trn1 pool."""

    def load(**changes: Any) -> EnvironmentConfig:
        table = _changed(SMALLEST, changes)
        if isinstance(table.get("pools"), list):
            table["pools"] = [_changed(POOL, pool) for pool in table["pools"]]
        (tmp_path / "test.toml").write_text(tomli_w.dumps(table))
        return load_environments(tmp_path)["test"]

    return load


@pytest.fixture
def load_pool(load: Callable[..., EnvironmentConfig]) -> Callable[..., NodePoolConfig]:
    """Load one pool, given by what differs from the Trn1 pool."""

    def load_pool(**changes: Any) -> NodePoolConfig:
        [pool] = load(pools=[changes]).pools
        return pool

    return load_pool


@pytest.fixture
def refusal(load: Callable[..., EnvironmentConfig], tmp_path: Path) -> Callable[..., str]:
    """Give the one sentence that a changed environment is refused with, without the file's path."""

    def refusal(**changes: Any) -> str:
        with pytest.raises(ConfigError) as refused:
            load(**changes)
        [sentence] = str(refused.value).splitlines()
        assert sentence.startswith(f"{tmp_path / 'test.toml'}: ")
        return sentence.removeprefix(f"{tmp_path / 'test.toml'}: ")

    return refusal
