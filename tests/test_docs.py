"""What the documents say of the app is generated from it, or held against it.

`make docs` rewrites the generated blocks; the difference is the review.
"""

import json
import os
import re
import tomllib
from datetime import date
from pathlib import Path

import pytest

from operations.checker.report import rules_markdown
from operations.cost import markdown
from operations.cost.estimate import estimate
from operations.cost.usage import Assumptions
from operations.preflight.questions import QUESTIONS
from operations.preflight.report import questions_markdown
from stacks.config.types import refused
from workloads.prices import PRICES
from workloads.versions import VERSIONS

ROOT = Path(__file__).parent.parent
README = ROOT / "README.md"
DOCUMENTS = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])


def block(text, name):
    """The text between a generated block's two marks."""
    return re.search(rf"(<!-- {name}: begin .*?-->\n)(.*?)(<!-- {name}: end -->)", text, re.DOTALL)


def accept(name, expected, document=README):
    """Hold a generated block of a document against `expected`; `make docs` rewrites it."""
    text = document.read_text()
    found = block(text, name)
    if os.environ.get("UPDATE_DOCS"):
        document.write_text(text[: found.start(2)] + expected + text[found.end(2) :])
        return
    assert found[2] == expected, f"{document.name} is behind the app: run `make docs`"


def test_the_picture_shows_the_stacks_and_what_each_uses_of_others(stacks):
    prod = stacks("prod")
    edges = {
        (used.removeprefix("prod-"), user)
        for user, stack in prod.items()
        for used in re.findall(
            r'"Fn::GetStackOutput": {[^}]*"StackName": "([^"]+)"', json.dumps(stack.template)
        )
    }
    lines = [
        *(f'  {name}["{name}"]' for name in prod),
        *(f"  {used} --> {user}" for used, user in sorted(edges)),
    ]
    assert edges, "stacks refer to each other"
    accept("picture", "\n".join(["```mermaid", "flowchart LR", *lines, "```", ""]))


def test_the_list_of_stacks_is_what_cdk_ls_prints(stacks):
    lines = [f"prod/{name}" for name in stacks("prod")]
    accept("stacks", "\n".join(["```", *lines, "```", ""]))


def test_the_readme_says_which_chips_stand_on_a_maintained_stack():
    families = {}
    deployable = {name: stack for name, stack in VERSIONS.neuron.items() if not refused(name)}
    for family, stack in deployable.items():
        for name, use in stack.uses.items():
            row = (name, use.stack, stack.sdk if use.image else "-", use.state, use.until)
            families.setdefault(row, []).append(family)
    image = VERSIONS.sagemaker
    row = ("serve, SageMaker", image.stack, image.sdk, image.state, image.until)
    families[row] = list(image.families)
    lines = [
        "| on | to | stack | Neuron SDK | state | until |",
        "| --- | --- | --- | --- | --- | --- |",
        *(
            f"| {', '.join(on)} | {to} | {stack} | {sdk} | **{state}** | {until} |"
            for (to, stack, sdk, state, until), on in families.items()
        ),
    ]
    accept("neuron", "\n".join([*lines, ""]))


def test_the_table_of_rules_is_the_checkers_own():
    accept("rules", rules_markdown(), ROOT / "docs" / "operations.md")


def test_the_table_of_costs_is_the_estimate_of_the_prices_known(environments):
    dates = {
        price.source.date
        for service in PRICES.services.values()
        for price in service.prices.values()
    }
    day = date.fromisoformat(max(d for d in dates if len(d) == len("2026-11-22")))
    bills = [
        estimate(name, environments[name], day=day, month=Assumptions()) for name in ("dev", "prod")
    ]
    accept("cost", markdown.tables(bills))


def test_the_table_of_what_stays_is_what_the_stacks_of_prod_retain(stacks):
    kept = {}
    for name, stack in stacks("prod").items():
        for logical_id, resource in stack.template["Resources"].items():
            if resource.get("DeletionPolicy") == "Retain":
                kept.setdefault((name, resource["Type"]), []).append(logical_id)
    lines = ["| stack | what | logical IDs |", "| --- | --- | --- |"]
    for (name, kind), logical_ids in sorted(kept.items()):
        lines.append(f"| `{name}` | {kind} | {', '.join(sorted(logical_ids))} |")
    accept("retained", "\n".join([*lines, ""]), ROOT / "docs" / "operations.md")


def test_the_table_of_questions_is_preflights_own():
    accept("questions", questions_markdown(QUESTIONS), ROOT / "docs" / "operations.md")


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_links_to_files_lead_somewhere(document):
    targets = re.findall(r"\]\((?!https?:|#|mailto:)([^)#\s]+)", document.read_text())

    missing = [target for target in targets if not (document.parent / target).exists()]

    assert missing == []


def test_every_stack_and_stage_has_its_row_in_the_readme():
    text = README.read_text()
    layers = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]
    stacks = layers["contracts"][0]["layers"][1].split(" | ")
    stages = [path.parent for path in ROOT.glob("workloads/*/__main__.py")]
    operations = [path.parent for path in ROOT.glob("operations/*/__main__.py")]
    units = [
        *(f"stacks/{name}" for name in stacks),
        *(str(folder.relative_to(ROOT)) for folder in (*stages, *operations)),
    ]

    missing = [unit for unit in units if f"`{unit}" not in text]

    assert missing == []


def test_every_make_target_a_document_names_exists():
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    text = "\n".join(document.read_text() for document in DOCUMENTS)

    named = set(re.findall(r"(?:^|`)make ([a-z]+)", text, re.MULTILINE))

    assert named and named <= targets
