"""A Hugging Face model as far as its compilation depends on it."""

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from workloads.artefacts.hashing import sha256_of
from workloads.command import InputError
from workloads.files import Folder

CONFIG = "config.json"
LARGE = 1 << 20  # bytes that take time to read
# Files of a model folder that no graph holds; the last is what publishing the folder adds.
UNUSED = (".md", ".gitattributes", ".png", ".onnx", "MANIFEST.json")


@dataclass(frozen=True, kw_only=True)
class Model:
    """`sha256` is the revision: of every file's name and SHA-256. `size` is what all weigh, in
    bytes."""

    sha256: str
    architecture: str
    model_type: str
    heads: int
    context: int
    dtype: str
    pad_token: int
    size: int

    @property
    def kind(self) -> Literal["decoder", "encoder"]:
        generates = self.architecture.endswith(("ForCausalLM", "ForConditionalGeneration"))
        return "decoder" if generates else "encoder"


def read_model(folder: Folder, say: Callable[[str], None]) -> Model:
    """Read every byte of the model once; `say` hears which file. InputError: it is no model."""
    config = _config(folder)
    stats = {
        name: stat
        for name, stat in folder.stats().items()
        if not name.endswith(UNUSED) and not name.startswith(".")
    }
    digests = {}
    for name, stat in stats.items():
        if stat.bytes > LARGE:
            say(f"reading {folder.uri}/{name} ({stat.bytes / 1e6:,.0f} MB)")
        digests[name] = sha256_of(folder, name)
    try:
        return Model(
            sha256=hashlib.sha256(json.dumps(digests, sort_keys=True).encode()).hexdigest(),
            architecture=config["architectures"][0],
            model_type=config["model_type"],
            heads=int(config["num_attention_heads"]),
            context=int(config["max_position_embeddings"]),
            dtype=str(config.get("torch_dtype") or config.get("dtype") or "float32"),
            pad_token=_token(config),
            size=sum(stat.bytes for stat in stats.values()),
        )
    except (KeyError, IndexError, TypeError, ValueError) as error:
        raise InputError(
            f"{folder.uri}/{CONFIG} does not say {error}: only transformers that say their"
            " architectures, model_type, num_attention_heads and max_position_embeddings compile"
        ) from None


def _token(config: dict[str, Any]) -> int:
    """What fills the places without a token: as vLLM does, the end where no other is named."""
    for name in ("pad_token_id", "eos_token_id"):
        value = config.get(name)
        if isinstance(value, list):
            value = value[0]
        if isinstance(value, int):
            return value
    return 0


def _config(folder: Folder) -> dict[str, Any]:
    if not folder.exists(CONFIG):
        raise InputError(f"{folder.uri} is not a model: it has no {CONFIG}; export one first")
    try:
        table = json.loads(folder.read(CONFIG))
    except ValueError:
        raise InputError(f"{folder.uri}/{CONFIG} is not JSON") from None
    if not isinstance(table, dict):
        raise InputError(f"{folder.uri}/{CONFIG} is not a model's configuration")
    return table
