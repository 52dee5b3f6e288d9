"""Caches with fabricated artefacts, as the compilers leave them."""

import json
from datetime import UTC, datetime, timedelta

import pytest

from workloads.artefacts.key import Key
from workloads.artefacts.store import publish
from workloads.compile.seal import seal
from workloads.compile.verify import LOCK_AGE
from workloads.files import Folder, open_folder

COMPILER = "2.23.6484.0"
FILES = {
    "model.hlo_module.pb": b"hlo" * 100,
    "compile_flags.json": b'["--target=trn1"]',
    "model.neff": b"neff" * 1000,
    "model.done": b"",
}
QUEUED = ("model.hlo_module.pb", "compile_flags.json")


class Shop:
    """A cache and what can be put into it."""

    def __init__(self, cache: Folder, folder) -> None:
        self.cache = cache
        self.now = datetime.now(UTC)
        self.later = self.now + LOCK_AGE + timedelta(hours=1)
        self._folder = folder

    def key(self, kind: str = "decoder", **changes) -> Key:
        given = {
            "kind": kind,
            "route": "graphs" if kind == "training" else "nxdi",
            "image": "vllm:0.13.0-sdk2.28.0",
            "sdk": "2.28.0",
            "compiler": COMPILER,
            "target": "inf2",
        }
        return Key(**given | changes)

    def module(self, name: str = "MODULE_1+a", *, root: str = "", compiler: str = COMPILER) -> str:
        """A compiled graph; its folder."""
        folder = f"{root}neuronxcc-{compiler}+3b612583/{name}"
        for file, data in FILES.items():
            self.cache.write(f"{folder}/{file}", data)
        return folder

    def training(self, *modules: str, sealed: bool = True, **changes) -> Key:
        key = self.key("training", **changes)
        for name in modules or ("MODULE_1+a", "MODULE_2+a"):
            self.module(name, root=f"{key.name}/")
        if sealed:
            seal(self.cache, key, now=self.now, lock_age=LOCK_AGE)
        return key

    def decoder(self, *, made_by: str = f"{COMPILER}+3b612583", **changes) -> Key:
        out = self._folder / "out"
        (out / "weights").mkdir(parents=True, exist_ok=True)
        (out / "model.pt").write_bytes(b"graph" * 1000)
        (out / "weights" / "tp0.safetensors").write_bytes(b"w" * 500)
        key = self.key(**changes)
        publish(self.cache, key, out, made_with={"neuronx-cc": made_by})
        return key

    def find(self, key: Key, ending: str) -> str:
        """The one file of an artefact with this ending, below the cache."""
        (name,) = [n for n in self.cache.folder(key.name).names() if n.endswith(ending)]
        return f"{key.name}/{name}"


@pytest.fixture(params=["folder", "s3"])
def shop(request, tmp_path):
    if request.param == "s3":
        return Shop(open_folder(f"{request.getfixturevalue('bucket')}/compiled"), tmp_path)
    return Shop(open_folder(str(tmp_path / "compiled")), tmp_path)


@pytest.fixture
def local(tmp_path):
    return Shop(open_folder(str(tmp_path / "compiled")), tmp_path)


@pytest.fixture
def llama(tmp_path):
    """A Hugging Face folder, as far as compiling looks at it."""
    folder = tmp_path / "llama"
    folder.mkdir()
    config = {
        "architectures": ["LlamaForCausalLM"],
        "model_type": "llama",
        "num_attention_heads": 4,
        "max_position_embeddings": 256,
        "torch_dtype": "float32",
        "eos_token_id": 1,
    }
    (folder / "config.json").write_text(json.dumps(config))
    (folder / "model.safetensors").write_bytes(bytes(range(256)) * 8)
    return folder
