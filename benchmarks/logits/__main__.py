"""One exported model in our server and in several versions of transformers: the same logits?

python -m benchmarks.logits [--model FOLDER] [--environments FOLDER]

The versions are the newest, and those that workloads/versions.toml says the Neuron images hold.
Each gets a virtual environment of its own, made with uv where there is none yet (about 1 GB each).
Without --model two small Llamas are exported, whose rotations have another base than the one that
transformers falls back to when it does not understand the configuration; those of the second are
also scaled as Llama 3.1's are. Exit code 1 if a logit differs by 1e-4.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from workloads.hugging_face import config_json, read_model, weights_file
from workloads.llama import Llama, LlamaConfig, RopeScaling
from workloads.versions import VERSIONS

TOLERANCE = 1e-4
LENGTH = 200
SCRIPT = Path(__file__).parent / "transformers_logits.py"


def main() -> int:
    options = argparse.ArgumentParser(
        prog="python -m benchmarks.logits",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    options.add_argument("--model", type=Path)
    options.add_argument("--environments", type=Path, default=Path(".venv/transformers"))
    given = options.parse_args()
    with tempfile.TemporaryDirectory(prefix="logits-") as scratch:
        folders = [given.model] if given.model else list(_exports(Path(scratch)))
        worst = max(_compare(folder, Path(scratch), given.environments) for folder in folders)
    return 0 if worst < TOLERANCE else 1


def _compare(folder: Path, scratch: Path, environments: Path) -> float:
    """The largest difference of a logit that any version has from ours."""
    model = read_model(folder)
    length = min(LENGTH, model.config.context)
    generator = torch.Generator().manual_seed(0)
    tokens = torch.randint(model.config.vocabulary, (2, length), generator=generator)
    with torch.no_grad():
        ours = model(tokens).numpy()
    np.save(scratch / "tokens.npy", tokens.numpy())
    print(
        f"{folder.name}, ours: {length} positions, logits from {ours.min():.2f} to {ours.max():.2f}"
    )
    worst = 0.0
    for version in ("", *pinned()):
        python = _environment(environments / (version or "newest"), version)
        theirs = scratch / "logits.npy"
        said = subprocess.run(
            [python, SCRIPT, folder, scratch / "tokens.npy", theirs],
            check=True, capture_output=True, text=True,
        ).stdout.split()  # fmt: skip
        difference = float(np.abs(np.load(theirs) - ours).max())
        print(f"transformers {said[0]}: largest difference {difference:.1e}", flush=True)
        worst = max(worst, difference)
    return worst


def pinned() -> list[str]:
    """Versions of transformers that the Neuron images of the table hold, each once."""
    held = [use.packages for stack in VERSIONS.neuron.values() for use in stack.uses.values()]
    held.append(VERSIONS.sagemaker.packages)
    return sorted({packages["transformers"] for packages in held if "transformers" in packages})


def _exports(folder: Path) -> Iterator[Path]:
    """Folders as workloads.export writes them."""
    plain = LlamaConfig(
        width=96, layers=3, heads=6, kv_heads=2, hidden=256, head_width=16,
        vocabulary=1000, context=256, rope_theta=100_000.0,
    )  # fmt: skip
    # Of its eight rotations one stays, one is a mixture and six are slowed.
    scaling = RopeScaling(factor=8.0, low_frequency=1.0, high_frequency=4.0, first_context=64)
    for name, config in (("plain", plain), ("llama3", replace(plain, rope_scaling=scaling))):
        model = Llama(config)
        model.initialise(0)
        (folder / name).mkdir()
        (folder / name / "model.safetensors").write_bytes(weights_file(model.state_dict()))
        table = config_json(config, begin_token=0, end_token=1)
        (folder / name / "config.json").write_text(json.dumps(table))
        yield folder / name


def _environment(folder: Path, version: str) -> Path:
    """Its Python; made if it is not there."""
    python = folder / "bin" / "python"
    if not python.exists():
        uv = Path(sys.executable).with_name("uv")
        wanted = f"transformers=={version}.*" if version else "transformers"
        subprocess.run([uv, "venv", "--quiet", "--python", sys.executable, folder], check=True)
        packages = (wanted, f"torch=={_torch()}", f"numpy=={np.__version__}", "safetensors")
        command = [uv, "pip", "install", "--quiet", "--python", python, *packages]
        subprocess.run(list(map(str, command)), check=True)
    return python


def _torch() -> str:
    return torch.__version__.partition("+")[0]


if __name__ == "__main__":
    sys.exit(main())
