from pathlib import Path

import pytest
from ministack.services.cloudformation import provisioners

from operations.embedded.extension import hooks


def test_this_ministack_has_every_private_name_that_we_use():
    assert hooks.missing() == []


def test_a_private_name_that_is_gone_is_named(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delattr(provisioners, "_RESOURCE_HANDLERS")

    assert hooks.missing() == ["ministack.services.cloudformation.provisioners._RESOURCE_HANDLERS"]


def test_no_other_file_touches_them():
    package = Path(hooks.__file__).parents[1]

    users = {
        path.relative_to(package).as_posix()
        for path in package.rglob("*.py")
        if "from ministack" in path.read_text() or "import ministack" in path.read_text()
    }

    # The server: its application. Access: what decides requests, whose names are public.
    assert users == {"extension/access.py", "extension/hooks.py", "extension/server.py"}
