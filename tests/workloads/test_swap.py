from concurrent.futures import ThreadPoolExecutor

import pytest

from workloads.files import open_folder
from workloads.swap import Conflict, read_versioned, write_versioned


@pytest.fixture(params=["folder", "s3"])
def folder(request, tmp_path):
    if request.param == "s3":
        return open_folder(f"{request.getfixturevalue('bucket')}/run")
    return open_folder(str(tmp_path / "run"))


def test_a_file_is_replaced_by_who_knows_its_version(folder):
    assert read_versioned(folder, "latest.json") == (b"", None)

    first = write_versioned(folder, "latest.json", b"1", None)
    second = write_versioned(folder, "latest.json", b"2", first)

    assert read_versioned(folder, "latest.json") == (b"2", second)


def test_a_file_made_by_somebody_else_is_not_replaced(folder):
    write_versioned(folder, "latest.json", b"theirs", None)

    with pytest.raises(Conflict, match=r"run/latest\.json was written by somebody else"):
        write_versioned(folder, "latest.json", b"ours", None)
    assert folder.read("latest.json") == b"theirs"


def test_a_file_changed_or_removed_by_somebody_else_is_not_replaced(folder):
    version = write_versioned(folder, "latest.json", b"ours", None)
    write_versioned(folder, "latest.json", b"theirs", version)

    with pytest.raises(Conflict):
        write_versioned(folder, "latest.json", b"ours again", version)
    assert folder.read("latest.json") == b"theirs"
    folder.delete("latest.json")
    with pytest.raises(Conflict):
        write_versioned(folder, "latest.json", b"ours again", version)
    assert not folder.exists("latest.json")


def test_of_many_who_create_a_file_at_once_one_does(tmp_path):
    def take(number: int) -> bool:
        try:
            write_versioned(open_folder(str(tmp_path / "run")), "latest.json", b"%d" % number, None)
        except Conflict:
            return False
        return True

    with ThreadPoolExecutor(8) as threads:
        won = list(threads.map(take, range(64)))

    assert won.count(True) == 1
    assert (tmp_path / "run" / "latest.json").read_text() == f"{won.index(True)}"
