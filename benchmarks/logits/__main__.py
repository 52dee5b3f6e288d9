"""One exported model in our server and in several versions of transformers: the same logits?

python -m benchmarks.logits [--model FOLDER] [--environments FOLDER]

The versions are the newest, and those that workloads/versions.toml says the Neuron images hold.
Each gets a virtual environment of its own, made with uv where there is none yet (about 1 GB each).
Without --model a small Llama is exported whose rotation has another base than the one transformers
falls back to when it does not understand the configuration. Exit code 1 if a logit differs by 1e-4.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import torch

from workloads.hugging_face import config_json, read_model, weights_file
from workloads.llama import Llama, LlamaConfig
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
    worst = 0.0
    with tempfile.TemporaryDirectory(prefix="logits-") as scratch:
        folder = given.model or _export(Path(scratch) / "model")
        model = read_model(folder)
        length = min(LENGTH, model.config.context)
        generator = torch.Generator().manual_seed(0)
        tokens = torch.randint(model.config.vocabulary, (2, length), generator=generator)
        with torch.no_grad():
            ours = model(tokens).numpy()
        np.save(Path(scratch) / "tokens.npy", tokens.numpy())
        print(f"ours: {length} positions, logits from {ours.min():.2f} to {ours.max():.2f}")
        for version in ("", *pinned()):
            python = _environment(given.environments / (version or "newest"), version)
            theirs = Path(scratch) / "logits.npy"
            said = subprocess.run(
                [python, SCRIPT, folder, Path(scratch) / "tokens.npy", theirs],
                check=True, capture_output=True, text=True,
            ).stdout.split()  # fmt: skip
            difference = float(np.abs(np.load(theirs) - ours).max())
            print(f"transformers {said[0]}: largest difference {difference:.1e}", flush=True)
            worst = max(worst, difference)
    return 0 if worst < TOLERANCE else 1


def pinned() -> list[str]:
    """Versions of transformers that the Neuron images of the table hold, each once."""
    held = [use.packages for stack in VERSIONS.neuron.values() for use in stack.uses.values()]
    held.append(VERSIONS.sagemaker.packages)
    return sorted({packages["transformers"] for packages in held if "transformers" in packages})


def _export(folder: Path) -> Path:
    """A folder as workloads.export writes it."""
    config = LlamaConfig(
        width=96, layers=3, heads=6, kv_heads=2, hidden=256, head_width=16,
        vocabulary=1000, context=256, rope_theta=100_000.0,
    )  # fmt: skip
    model = Llama(config)
    model.initialise(0)
    folder.mkdir()
    (folder / "model.safetensors").write_bytes(weights_file(model.state_dict()))

    table = config_json(config, begin_token=0, end_token=1)
    (folder / "config.json").write_text(json.dumps(table))
    return folder


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
