import os
import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from workloads.command import InputError, StageError
from workloads.files import Folder, open_folder


@pytest.fixture(params=["folder", "s3"])
def folder(request, tmp_path) -> Folder:
    """An empty folder of each kind."""
    if request.param == "s3":
        return open_folder(f"{request.getfixturevalue('bucket')}/some/prefix")
    return open_folder(str(tmp_path / "some" / "folder"))


def test_what_is_written_can_be_read_listed_and_deleted(folder):
    folder.write("a.txt", b"one")
    folder.write("deep/er/b.txt", b"two")
    folder.write("a.txt", b"three")

    assert folder.read("a.txt") == b"three"
    assert folder.names() == ["a.txt", "deep/er/b.txt"]
    assert folder.folder("deep").names() == ["er/b.txt"]
    assert folder.folder("deep").read("er/b.txt") == b"two"
    folder.delete("a.txt")
    folder.delete("a.txt")
    assert not folder.exists("a.txt")
    assert folder.exists("deep/er/b.txt")


def test_a_folder_that_is_not_there_has_no_names(folder):
    assert folder.names() == []
    assert not folder.exists("anything")


def test_a_prefix_is_not_the_beginning_of_a_name(folder):
    folder.folder("run").write("a", b"")
    folder.folder("run-2").write("b", b"")

    assert folder.folder("run").names() == ["a"]


def test_a_missing_file_is_told_by_its_name(folder):
    with pytest.raises(InputError, match=r"nothing\.txt does not exist"):
        folder.read("nothing.txt")


def test_a_tree_goes_up_and_comes_down(folder, tmp_path):
    source = tmp_path / "source.bin"
    source.write_bytes(os.urandom(1 << 20))

    folder.upload(source, "x/source.bin")
    path = folder.download(["x/source.bin"], tmp_path / "down")

    assert (path / "x/source.bin").read_bytes() == source.read_bytes()
    with pytest.raises(InputError, match="y does not exist"):
        folder.download(["y"], tmp_path / "down")


@pytest.mark.parametrize("name", ["../outside", "a/../../b", "/etc/passwd", ""])
def test_a_name_cannot_lead_out_of_its_folder(folder, name):
    with pytest.raises(InputError, match="not the name of a file inside"):
        folder.write(name, b"")


@pytest.mark.parametrize("uri", ["gs://bucket/x", "s3://", "s3:///prefix", "http://host/x"])
def test_other_uris_are_refused_in_a_sentence(uri):
    with pytest.raises(InputError, match="neither a folder nor s3://bucket/prefix"):
        open_folder(uri)


def test_a_write_that_fails_leaves_the_former_file_and_no_other(tmp_path):
    folder = open_folder(str(tmp_path))
    folder.write("a", b"former")

    with pytest.raises(TypeError):
        folder.write("a", "text, not bytes")  # type: ignore[arg-type]

    assert folder.read("a") == b"former"
    assert [file.name for file in tmp_path.iterdir()] == ["a"]


def test_others_may_read_what_is_written(tmp_path):
    open_folder(str(tmp_path)).write("a", b"")

    assert stat.S_IMODE((tmp_path / "a").stat().st_mode) == 0o644


def test_a_write_that_was_killed_is_no_file_of_the_folder(tmp_path):
    (tmp_path / "a.12345.tmp").write_bytes(b"half")

    assert open_folder(str(tmp_path)).names() == []


def test_a_file_where_a_folder_should_be_is_a_sentence(tmp_path):
    (tmp_path / "file").write_text("")

    with pytest.raises(InputError, match="file"):
        open_folder(str(tmp_path / "file")).write("a", b"")


def test_a_place_that_cannot_be_written_is_a_sentence():
    unwritable = "/proc/nothing"  # also root cannot write there
    with pytest.raises((InputError, StageError), match="/proc/nothing"):
        open_folder(unwritable).write("a", b"")


def test_a_missing_bucket_is_named(bucket, tmp_path):
    folder = open_folder("s3://no-such-bucket/prefix")
    (tmp_path / "a").write_text("")

    for attempt in (
        folder.names,
        lambda: folder.read("a"),
        lambda: folder.write("a", b""),
        lambda: folder.upload(tmp_path / "a", "a"),
    ):
        with pytest.raises(InputError, match="there is no bucket 'no-such-bucket'"):
            attempt()


def test_an_s3_that_does_not_answer_is_a_sentence(bucket, monkeypatch):
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")

    with pytest.raises(StageError, match=r"s3://test-\w+/a: .*127\.0\.0\.1:9"):
        open_folder(bucket).read("a")


def test_missing_credentials_are_a_sentence(bucket, monkeypatch, tmp_path):
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")

    with pytest.raises(InputError, match="unable to locate credentials; configure the AWS SDK"):
        open_folder(bucket).read("a")


def test_boto3_is_imported_for_s3_only(tmp_path):
    import subprocess
    import sys

    code = (
        "import sys; from workloads.files import open_folder;"
        f"open_folder({str(tmp_path)!r}).write('a', b''); sys.exit('boto3' in sys.modules)"
    )
    assert (
        subprocess.run([sys.executable, "-c", code], cwd=Path(__file__).parents[2]).returncode == 0
    )


def test_a_listing_tells_sizes_and_times(folder):
    before = datetime.now(UTC) - timedelta(seconds=2)  # S3 tells whole seconds
    folder.write("a.txt", b"one")
    folder.write("deep/b.txt", b"")

    stats = folder.stats()

    assert list(stats) == folder.names()
    assert [one.bytes for one in stats.values()] == [3, 0]
    after = datetime.now(UTC)
    assert all(before <= one.modified <= after for one in stats.values())
