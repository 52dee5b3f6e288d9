from pathlib import Path

import pytest

from workloads import checkpoints
from workloads.checkpoints import Damaged, Manifest, complete_steps, fetch, folder_name, newest
from workloads.files import Folder, open_folder

SHARDS = {".metadata": b"names" * 20, "__0_0.distcp": bytes(range(256)), "__1_0.distcp": b"x" * 99}


def seal(run: Folder, step: int, scratch: Path) -> None:
    """Write a checkpoint as train does, with stand-ins for the shards."""
    scratch.mkdir(parents=True)
    for name, data in SHARDS.items():
        (scratch / name).write_bytes(data)
        run.folder(folder_name(step)).upload(scratch / name, name)
    manifest = Manifest(
        step=step,
        world_size=2,
        settings={"seed": 1},
        model={"width": 8},
        model_sha256="",
        data_sha256="d",
        tokenizer_sha256="t",
        versions={"torch": "2"},
        files=checkpoints.describe_files(scratch),
    )
    run.folder(folder_name(step)).write("MANIFEST.json", manifest.to_json())


def broken_off(place: str, tmp_path: Path) -> Folder:
    """A run with checkpoints of step 10 and 20, and the beginning of one of step 30."""
    run = open_folder(place)
    for step in (10, 20):
        seal(run, step, tmp_path / f"made-{step}")
    run.folder(folder_name(30)).write("__0_0.distcp", b"half")
    return run


@pytest.fixture
def run(tmp_path) -> Folder:
    return broken_off(str(tmp_path / "run"), tmp_path)


@pytest.fixture(params=["folder", "s3"])
def run_anywhere(request, tmp_path) -> Folder:
    if request.param == "s3":
        return broken_off(f"{request.getfixturevalue('bucket')}/run", tmp_path)
    return broken_off(str(tmp_path / "run"), tmp_path)


def test_a_checkpoint_without_manifest_does_not_count(run_anywhere):
    assert complete_steps(run_anywhere) == [20, 10]


def test_the_newest_good_checkpoint_is_found(run_anywhere, tmp_path):
    warnings: list[str] = []

    found = newest(run_anywhere, tmp_path / "scratch", warnings.append)

    assert found is not None
    assert found.manifest.step == 20
    assert {name: (found.path / name).read_bytes() for name in SHARDS} == SHARDS
    assert warnings == []


@pytest.mark.parametrize("name", [*SHARDS, "MANIFEST.json"])
@pytest.mark.parametrize("harm", ["flip", "cut"])
def test_a_damaged_file_is_named_and_the_checkpoint_before_used(run, tmp_path, name, harm):
    folder = run.folder(folder_name(20))
    data = bytearray(folder.read(name))
    if harm == "flip":
        data[len(data) // 3] ^= 4
    else:
        del data[-1:]
    folder.write(name, bytes(data))
    warnings: list[str] = []

    found = newest(run, tmp_path / "scratch", warnings.append)

    assert found is not None
    assert found.manifest.step == 10
    assert len(warnings) == 1
    assert f"step-00000020/{name} is damaged" in warnings[0]


def test_a_missing_file_is_named(run_anywhere, tmp_path):
    run_anywhere.folder(folder_name(20)).delete("__1_0.distcp")

    with pytest.raises(Damaged, match=r"step-00000020/__1_0\.distcp is missing"):
        fetch(run_anywhere, 20, tmp_path / "scratch")


def test_every_bit_of_a_manifest_counts(tmp_path):
    run = open_folder(str(tmp_path / "run"))
    seal(run, 10, tmp_path / "made")
    sealed = run.folder(folder_name(10)).read("MANIFEST.json")

    for at in range(0, len(sealed) * 8, 37):
        data = bytearray(sealed)
        data[at // 8] ^= 1 << at % 8
        run.folder(folder_name(10)).write("MANIFEST.json", bytes(data))
        with pytest.raises(Damaged, match=r"MANIFEST\.json is damaged"):
            fetch(run, 10, tmp_path / "scratch")


def test_a_run_without_a_good_checkpoint_has_none(tmp_path):
    run = open_folder(str(tmp_path / "nothing"))

    assert newest(run, tmp_path / "scratch", pytest.fail) is None


@pytest.mark.parametrize(("keep", "left"), [(1, [40]), (2, [40, 20]), (3, [40, 20, 10]), (9, None)])
def test_the_newest_complete_checkpoints_are_kept(run_anywhere, tmp_path, keep, left):
    seal(run_anywhere, 40, tmp_path / "made-40")
    before = run_anywhere.names()

    checkpoints.forget(run_anywhere, keep=keep)

    assert complete_steps(run_anywhere) == (left or [40, 20, 10])
    if left is None:
        assert run_anywhere.names() == before
    # the one that never was completed goes with those before it
    assert ("checkpoints/step-00000030/__0_0.distcp" in run_anywhere.names()) == (keep > 1)


def test_a_checkpoint_half_forgotten_is_none(run, tmp_path, monkeypatch):
    deleted: list[str] = []

    def delete(name: str) -> None:
        if deleted:
            raise KeyboardInterrupt
        deleted.append(name)
        type(run).delete(run, name)

    monkeypatch.setattr(run, "delete", delete)
    with pytest.raises(KeyboardInterrupt):
        checkpoints.forget(run, keep=1)

    assert complete_steps(run) == [20]
