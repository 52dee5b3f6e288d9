"""A key, what a compiler might have written for it, and an empty cache of each kind."""

import pytest

from workloads.artefacts.key import Key
from workloads.files import open_folder


@pytest.fixture(params=["folder", "s3"])
def cache(request, tmp_path):
    if request.param == "s3":
        return open_folder(f"{request.getfixturevalue('bucket')}/compiled")
    return open_folder(str(tmp_path / "compiled"))


@pytest.fixture
def key() -> Key:
    return Key(
        kind="decoder",
        route="nxdi",
        image="vllm:0.13.0-sdk2.28.0",
        sdk="2.28.0",
        compiler="2.23.6484.0",
        target="inf2",
        model_sha256="ab" * 32,
        tensor_parallel=2,
        batch=4,
        sequence_length=256,
    )


@pytest.fixture
def compiled(tmp_path):
    """A folder as a compiler leaves it."""
    folder = tmp_path / "out"
    (folder / "weights").mkdir(parents=True)
    (folder / "model.pt").write_bytes(b"graph" * 1000)
    (folder / "weights" / "tp0_sharded_checkpoint.safetensors").write_bytes(b"weights" * 1000)
    return folder
