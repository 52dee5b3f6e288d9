"""Environments synthesised as the command line does it, once each per session."""

import gc
import json
import os
import signal
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import aws_cdk as cdk
import pytest

from app import compose
from stacks.config import EnvironmentConfig, load_environments

HERE = Path(__file__).parent
CONTEXT = json.loads((HERE.parent / "cdk.json").read_text())["context"]
# The shipped environments, and two that hold what those leave out.
ENVIRONMENTS = load_environments() | load_environments(HERE / "stacks" / "environments")
# The files that take longest begin, so that no worker is alone with one at the end.
LONGEST = (
    "operations/demo/test_main.py",
    "workloads/train/test_resume.py",
    "operations/embedded/test_cdk.py",
    "stacks/node_pool/test_matrix.py",
    "workloads/submit/test_local.py",
    "operations/embedded/test_access.py",
    "workloads/prepare/test_main.py",
    "operations/preflight/test_faults.py",
    "test_nag.py",
    "workloads/train/test_launch.py",
    "workloads/benchmark/test_main.py",
    "workloads/gateway/test_fuzz.py",
    "workloads/benchmark/test_drive.py",
    "test_app.py",
)
RANKS = {HERE / file: rank for rank, file in enumerate(LONGEST)}


def pytest_xdist_auto_num_workers() -> int:
    """One more than there are processors: a third of the time tests wait for what they started."""
    return (os.cpu_count() or 1) + 1


def pytest_configure() -> None:
    """What tests start can be interrupted, also where a shell began them in the background."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: RANKS.get(item.path, len(RANKS)))


def pytest_collection_finish() -> None:
    """What is loaded by now stays: each look through it takes a second."""
    gc.collect()
    gc.freeze()


@dataclass(frozen=True)
class Synthesized:
    """One stack's template, and its resources by type."""

    template: dict[str, Any]
    termination_protection: bool = False

    def every(self, kind: str) -> dict[str, Any]:
        """The properties of each resource of a type, by logical ID."""
        return {
            name: resource.get("Properties", {})
            for name, resource in self.template.get("Resources", {}).items()
            if resource["Type"] == kind
        }

    def only(self, kind: str) -> dict[str, Any]:
        """The properties of the one resource of a type."""
        [properties] = self.every(kind).values()
        return properties


def _new_app() -> cdk.App:
    # The CDK's own validation is most of the time of a synthesis; test_validation.py has it on.
    # Assets stay where they are: a layer of 36 MB would be copied for each app.
    return cdk.App(
        context=CONTEXT | {"aws:cdk:disable-asset-staging": True},
        analytics_reporting=False,
        builtin_cloud_formation_validation=False,
        tree_metadata=False,
    )


@cache
def _stage(name: str) -> cdk.Stage:
    config = ENVIRONMENTS[name]
    target = cdk.Environment(account="111122223333", region=config.region)
    stage = cdk.Stage(_new_app(), name, env=target)
    compose(stage, config)
    stage.synth()
    return stage


@cache
def _stacks(name: str) -> dict[str, Synthesized]:
    return {
        artifact.stack_name.removeprefix(f"{name}-"): Synthesized(
            artifact.template, bool(artifact.termination_protection)
        )
        for artifact in _stage(name).synth().stacks
    }


@pytest.fixture(scope="session")
def context() -> dict[str, Any]:
    """What cdk.json tells every app; the command line passes it, a test must."""
    return CONTEXT


@pytest.fixture(scope="session")
def environments() -> dict[str, EnvironmentConfig]:
    """Every environment that tests synthesise, by name."""
    return ENVIRONMENTS


@pytest.fixture(scope="session")
def stacks() -> Callable[[str], dict[str, Synthesized]]:
    """Give an environment's stacks by id."""
    return _stacks


@pytest.fixture(scope="session")
def stage() -> Callable[[str], cdk.Stage]:
    """Give an environment's stage, synthesised."""
    return _stage


@pytest.fixture(scope="session")
def synthesize() -> Callable[[cdk.Stack], Synthesized]:
    """Synthesise one stack that a test has built by itself."""

    def of(stack: cdk.Stack) -> Synthesized:
        app = stack.node.root
        assert isinstance(app, cdk.App)
        return Synthesized(app.synth().get_stack_by_name(stack.stack_name).template)

    return of


@pytest.fixture(scope="session")
def new_app() -> Callable[[], cdk.App]:
    """Give an empty app with the context of cdk.json, without the CDK's own validation."""
    return _new_app


@pytest.fixture
def stack() -> cdk.Stack:
    """An empty stack to put a construct into."""
    return cdk.Stack(_new_app(), "Stack")
