"""Every resource of prod by logical ID: a changed line is a replaced resource.

`make inventory` rewrites the file; the difference is the review.
"""

import os
from pathlib import Path

INVENTORY = Path(__file__).parent / "prod.inventory"


def test_prods_resources_are_those_of_the_inventory(stacks):
    lines = [
        f"{name} {logical_id} {resource['Type']}\n"
        for name, stack in sorted(stacks("prod").items())
        for logical_id, resource in sorted(stack.template["Resources"].items())
    ]
    if os.environ.get("UPDATE_INVENTORY"):
        INVENTORY.write_text("".join(lines))
    assert "".join(lines) == INVENTORY.read_text()
