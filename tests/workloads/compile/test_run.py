"""`run` from end to end, with the real file that calls the compilers and programs that look like
them: what they are called with is written down, and nothing is compiled."""

import json
import os
import sys

import pytest

from workloads.artefacts.store import READY, fetch, state
from workloads.command import InputError, StageError
from workloads.compile.plan import Request, plan
from workloads.compile.run import compile_row
from workloads.files import open_folder
from workloads.versions import VERSIONS

# Writes down its arguments and environment, and leaves FILE in the folder that it is told of.
PROGRAM = """#!{python}
import json, os, pathlib, sys
here = pathlib.Path(__file__).parents[1]
(here / "called.json").write_text(json.dumps([sys.argv[1:], dict(os.environ)]))
out = pathlib.Path({out})
out.mkdir(parents=True, exist_ok=True)
(out / {file!r}).write_text("compiled")
sys.exit({code})
"""
MODULES = {
    "torch.py": """
int64 = "int64"
def zeros(shape, dtype): return ("zeros", shape, dtype)
def ones(shape, dtype): return ("ones", shape, dtype)
class jit:
    @staticmethod
    def save(traced, path): open(path, "w").write(repr(traced))
""",
    "torch_neuronx.py": """
def trace(model, example, **options): return [example, options]
""",
    "transformers.py": """
class Thing:
    @classmethod
    def from_pretrained(cls, path, **options): return cls()
    def eval(self): return self
    @property
    def config(self): return self
    def save_pretrained(self, out): open(f"{out}/config.json", "w").write("{}")
AutoModel = AutoTokenizer = Thing
""",
    "vllm.py": """
import json, os, pathlib
def LLM(**options):
    out = pathlib.Path(os.environ["VLLM_CACHE_ROOT"]) / "neuron/compile_cache/0123"
    out.mkdir(parents=True)
    (out / "graph").write_text(json.dumps(options))
    here = pathlib.Path(__file__).parents[1]
    (here / "called.json").write_text(json.dumps([options, dict(os.environ)]))
""",
}


@pytest.fixture
def image(tmp_path):
    """Folders like an image's, and the environment that leads to them; the compiler's version."""
    root = tmp_path / "image"
    for folder in ("bin", "site"):
        (root / folder).mkdir(parents=True)
    for name, text in MODULES.items():
        (root / "site" / name).write_text(text)

    def make(compiler, *, out="'out'", file="model.pt", code=0, programs=()):
        info = root / "site" / f"neuronx_cc-{compiler}.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(
            f"Metadata-Version: 2.1\nName: neuronx-cc\nVersion: {compiler}\n"
        )
        for program in programs:
            script = root / "bin" / program
            script.write_text(PROGRAM.format(python=sys.executable, out=out, file=file, code=code))
            script.chmod(0o755)
        return {
            **os.environ,
            "PATH": f"{root / 'bin'}{os.pathsep}{os.environ['PATH']}",
            "PYTHONPATH": str(root / "site"),
        }

    make.called = lambda: json.loads((root / "called.json").read_text())
    return make


def rows(tmp_path, llama, instance, **options):
    cache = str(tmp_path / "cache")
    return plan(
        Request(cache=cache, model=str(llama), serve_on=(instance,), **options), lambda text: None
    )


def run(tmp_path, row, environment):
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    return compile_row(
        row,
        cache=str(tmp_path / "cache"),
        scratch=scratch,
        python=sys.executable,
        environment=environment,
        say=lambda text: None,
    )


def option(words, name):
    return words[words.index(name) + 1]


AFTER = "sys.argv[sys.argv.index('--compiled-model-path') + 1]"


def test_a_decoder_for_inf2_is_compiled_by_nxd_inference(tmp_path, llama, image):
    (row,) = rows(tmp_path, llama, "inf2.8xlarge", batch=4, sequence_length=128, flags=("-O2",))
    told = image("2.23.6484.0+3b612583", out=AFTER, programs=["inference_demo"])

    index = run(tmp_path, row, told)

    words, environment = image.called()
    assert words[:5] == ["--model-type", "llama", "--task-type", "causal-lm", "run"]
    assert "--compile-only" in words
    assert "--is-continuous-batching" in words
    assert "--save-sharded-checkpoint" in words
    assert option(words, "--model-path") == str(llama)
    assert option(words, "--tp-degree") == "2"
    assert option(words, "--batch-size") == option(words, "--tkg-batch-size") == "4"
    assert option(words, "--seq-len") == option(words, "--max-context-length") == "128"
    assert option(words, "--torch-dtype") == "bfloat16"
    assert option(words, "--pad-token-id") == "1"
    assert environment["NEURON_PLATFORM_TARGET_OVERRIDE"] == "inf2"
    assert environment["NEURON_CC_FLAGS"] == "-O2"
    assert index.made_with["neuronx-cc"] == "2.23.6484.0+3b612583"
    cache = open_folder(str(tmp_path / "cache"))
    assert state(cache, row.key)[0] == READY
    fetch(cache, row.key, tmp_path / "node")
    assert (tmp_path / "node" / "model.pt").read_text() == "compiled"


def test_one_sequence_at_a_time_is_not_batched(tmp_path, llama, image):
    (row,) = rows(tmp_path, llama, "inf2.8xlarge")

    run(tmp_path, row, image("2.23.6484.0", out=AFTER, programs=["inference_demo"]))

    assert "--is-continuous-batching" not in image.called()[0]


def test_a_decoder_for_sagemaker_is_compiled_by_optimum(tmp_path, llama, image):
    (row,) = rows(tmp_path, llama, "ml.inf2.xlarge", batch=2)
    compiler = VERSIONS.sagemaker.packages["neuronx-cc"]

    run(tmp_path, row, image(compiler, out="sys.argv[-1]", programs=["optimum-cli"]))

    words, _ = image.called()
    assert words[:2] == ["export", "neuron"]
    assert option(words, "--instance_type") == "inf2"
    assert option(words, "--batch_size") == "2"
    assert option(words, "--sequence_length") == "256"
    assert option(words, "--tensor_parallel_size") == "2"


def test_a_decoder_for_trn2_is_compiled_by_vllm_on_the_cpu(tmp_path, llama, image):
    (row,) = rows(tmp_path, llama, "trn2.48xlarge", batch=8, lnc=1)

    index = run(tmp_path, row, image("2.26.6360.0+6f180f47"))

    options, environment = image.called()
    assert (options["max_num_seqs"], options["max_model_len"]) == (8, 256)
    assert environment["VLLM_NEURON_CPU_COMPILE"] == "1"
    assert environment["NEURON_PLATFORM_TARGET_OVERRIDE"] == "trn2"
    assert environment["NEURON_LOGICAL_NC_CONFIG"] == "1"
    assert list(index.files) == ["neuron/compile_cache/0123/graph"]


def test_an_encoder_is_traced_without_a_device(tmp_path, llama, image):
    config = json.loads((llama / "config.json").read_text()) | {"architectures": ["BertModel"]}
    (llama / "config.json").write_text(json.dumps(config))
    (row,) = rows(tmp_path, llama, "inf2.xlarge", batch=3, sequence_length=16)

    index = run(tmp_path, row, image("2.23.6484.0"))

    assert set(index.files) == {"model.pt", "config.json"}
    fetch(open_folder(str(tmp_path / "cache")), row.key, tmp_path / "node")
    traced = (tmp_path / "node" / "model.pt").read_text()
    assert "'cpu_backend': True" in traced
    assert "('zeros', (3, 16), 'int64')" in traced
    assert "'--target=inf2'" in traced
    assert "'--auto-cast-type=bf16'" in traced


def test_what_is_ready_is_not_compiled_again(tmp_path, llama, image):
    (row,) = rows(tmp_path, llama, "inf2.8xlarge")
    told = image("2.23.6484.0", out=AFTER, programs=["inference_demo"])
    first = run(tmp_path, row, told)
    (row,) = rows(tmp_path, llama, "inf2.8xlarge")

    assert compile_row(
        row, cache=str(tmp_path / "cache"), scratch=tmp_path / "none", python="/none",
        environment={}, say=lambda text: None,
    ) == first  # fmt: skip


@pytest.mark.parametrize(
    ("compiler", "made", "said"),
    [
        ("2.23.6484.0", {"code": 3}, "inference_demo failed with exit code 3"),
        ("2.23.6484.0", {"file": "notes.txt"}, "ended well and wrote no model.pt"),
        ("2.23.6484.0", {"programs": []}, "this image has no inference_demo"),
        ("2.24.0.0", {}, "has neuronx-cc 2.24.0.0 instead of 2.23.6484.0; use pytorch-inference"),
    ],
)
def test_a_compiler_that_fails_leaves_nothing(tmp_path, llama, image, capfd, compiler, made, said):
    (row,) = rows(tmp_path, llama, "inf2.8xlarge")
    told = image(compiler, **{"out": AFTER, "programs": ["inference_demo"]} | made)

    with pytest.raises(StageError, match="failed: exit code 1"):
        run(tmp_path, row, told)

    assert said in capfd.readouterr().err
    assert state(open_folder(str(tmp_path / "cache")), row.key)[0] == "missing"


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({}, "give --serve-on TYPE or --train-on TYPE"),
        ({"serve_on": ("inf2.xlarge",)}, "--serve-on needs --model"),
        ({"train_on": ("trn1.32xlarge",)}, "--train-on needs --data"),
    ],
)
def test_a_plan_of_nothing_is_refused(tmp_path, given, said):
    with pytest.raises(InputError, match=said):
        plan(Request(cache=str(tmp_path), **given), lambda text: None)
