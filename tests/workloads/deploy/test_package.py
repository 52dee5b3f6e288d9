"""Publishing a folder, and bringing it into a pod."""

import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from workloads.artefacts import store
from workloads.artefacts.index import INDEX
from workloads.artefacts.key import read_key
from workloads.artefacts.model import read_model
from workloads.command import InputError, StageError
from workloads.deploy import pods
from workloads.deploy.package import MANIFEST, measure, publish, read_package
from workloads.files import LocalFolder, open_folder

FETCH = Path(pods.__file__).parent / "fetch.py"


def fetch(
    uri: str, folder: Path, sha256: str, manifest: str = MANIFEST
) -> subprocess.CompletedProcess[str]:
    """The init container's command, alone as there: without this project on its path."""
    command = [sys.executable, "-P", FETCH, uri, manifest, folder, sha256]
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}
    return subprocess.run(
        command, capture_output=True, text=True, cwd="/", env=environment, check=False
    )


def test_what_is_published_is_what_was_measured(folder, bucket):
    package = measure(folder)
    to = open_folder(f"{bucket}/tiny")

    publish(folder, package, to)

    assert read_package(to) == package
    assert to.names() == sorted([MANIFEST, *package.files])
    assert package.bytes == sum(file.stat().st_size for file in folder.iterdir())


def test_hidden_files_and_a_former_manifest_are_not_part_of_a_folder(folder):
    before = measure(folder)
    (folder / ".cache").mkdir()
    (folder / ".cache" / "x").write_text("x")
    (folder / MANIFEST).write_text("{}")

    assert measure(folder) == before


def test_nothing_is_sent_twice(folder, tmp_path):
    to = LocalFolder(tmp_path / "to")
    package = measure(folder)
    publish(folder, package, to)
    before = (to.path / "config.json").stat().st_ino

    publish(folder, package, to)

    assert (to.path / "config.json").stat().st_ino == before


def test_a_folder_is_without_manifest_while_it_changes(folder, tmp_path, monkeypatch):
    to = LocalFolder(tmp_path / "to")
    publish(folder, measure(folder), to)
    (folder / "config.json").write_text("{}")

    def upload(source, name):
        raise StageError("the network is gone")

    monkeypatch.setattr(to, "upload", upload)
    with pytest.raises(StageError):
        publish(folder, measure(folder), to)

    with pytest.raises(InputError, match=r"has no MANIFEST\.json"):
        read_package(to)


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"files": {"a": {}}}', '{"files": []}'])
def test_a_manifest_of_another_kind_is_refused(tmp_path, text):
    (tmp_path / MANIFEST).write_text(text)

    with pytest.raises(StageError, match=r"MANIFEST\.json"):
        read_package(LocalFolder(tmp_path))


def test_a_pod_gets_the_files_and_keeps_them(folder, bucket, s3, tmp_path):
    package = measure(folder)
    publish(folder, package, open_folder(f"{bucket}/tiny"))

    first = fetch(f"{bucket}/tiny", tmp_path / "pod", package.sha256)
    assert first.returncode == 0, first.stderr
    assert measure(tmp_path / "pod") == package

    s3.delete_object(Bucket=bucket.removeprefix("s3://"), Key="tiny/model.safetensors")
    again = fetch(f"{bucket}/tiny", tmp_path / "pod", package.sha256)
    assert again.returncode == 0, again.stderr


def test_a_pod_refuses_a_file_that_was_changed(folder, bucket, s3, tmp_path):
    package = measure(folder)
    publish(folder, package, open_folder(f"{bucket}/tiny"))
    name = bucket.removeprefix("s3://")
    weights = bytearray((folder / "model.safetensors").read_bytes())
    weights[-1] ^= 1
    s3.put_object(Bucket=name, Key="tiny/model.safetensors", Body=bytes(weights))

    ended = fetch(f"{bucket}/tiny", tmp_path / "pod", package.sha256)

    assert ended.returncode == 1
    assert "model.safetensors is not what MANIFEST.json says" in ended.stderr
    assert not (tmp_path / "pod" / "model.safetensors").exists()


def test_a_pod_refuses_another_manifest(folder, bucket, tmp_path):
    publish(folder, measure(folder), open_folder(f"{bucket}/tiny"))

    ended = fetch(f"{bucket}/tiny", tmp_path / "pod", "0" * 64)

    assert ended.returncode == 1
    assert "is not the one this deployment was made for" in ended.stderr


def test_a_pod_writes_nothing_outside_its_folder(bucket, s3, tmp_path):
    manifest = json.dumps({"files": {"../x": {"bytes": 0, "sha256": ""}}}).encode()
    s3.put_object(Bucket=bucket.removeprefix("s3://"), Key="MANIFEST.json", Body=manifest)
    ended = fetch(bucket, tmp_path / "pod", hashlib.sha256(manifest).hexdigest())

    assert ended.returncode == 1
    assert "not inside the folder" in ended.stderr


def test_a_pod_gets_a_compiled_artefact_by_its_index(bucket, tmp_path):
    compiled = tmp_path / "compiled"
    (compiled / "weights").mkdir(parents=True)
    (compiled / "model.pt").write_bytes(b"graphs")
    (compiled / "weights" / "tp0.safetensors").write_bytes(b"numbers")
    key = read_key(
        {
            "kind": "decoder",
            "route": "nxdi",
            "image": "image",
            "sdk": "2.28.0",
            "compiler": "2.23",
            "target": "inf2",
            "flags": [],
        }
    )
    index = store.publish(open_folder(f"{bucket}/cache"), key, compiled, made_with={})

    sha256 = hashlib.sha256(index.to_json()).hexdigest()
    ended = fetch(f"{bucket}/cache/{key.name}", tmp_path / "pod", sha256, INDEX)

    assert ended.returncode == 0, ended.stderr
    assert measure(tmp_path / "pod") == measure(compiled)


def test_publishing_a_model_leaves_what_was_compiled_for_it_valid(folder, tmp_path):
    to = LocalFolder(tmp_path / "to")
    publish(folder, measure(folder), to)

    before = read_model(LocalFolder(folder), print)

    assert read_model(to, print) == before
