import json
from dataclasses import asdict, fields, replace

import pytest

from workloads.artefacts.key import DTYPES, Key, read_key, serving_key, training_key
from workloads.artefacts.model import Model
from workloads.artefacts.toolchain import toolchain
from workloads.command import InputError

MODEL = Model(
    sha256="ab" * 32,
    architecture="LlamaForCausalLM",
    model_type="llama",
    heads=32,
    context=4096,
    dtype="bfloat16",
    pad_token=2,
    size=2_000_000_000,
)
OTHER = {
    "kind": "encoder",
    "route": "trace",
    "image": "vllm:0.13.0-sdk2.28.1",
    "sdk": "2.28.1",
    "compiler": "2.23.6485.0",
    "target": "trn1",
    "model_sha256": "cd" * 32,
    "tensor_parallel": 1,
    "batch": 5,
    "sequence_length": 257,
    "dtype": "float32",
    "lnc": 2,
    "flags": ("-O2",),
    "settings": {"code": "1"},
}


@pytest.mark.parametrize("field", [field.name for field in fields(Key)])
def test_any_difference_is_another_artefact(key, field):
    assert replace(key, **{field: OTHER[field]}).digest != key.digest


def test_a_key_survives_json(key):
    key = replace(key, flags=("-O2", "--x"), settings={"a": "1"})

    assert read_key(json.loads(json.dumps(asdict(key)))) == key


@pytest.mark.parametrize(
    ("instance", "cores"),
    [
        ("inf2.8xlarge", 2),
        ("inf2.24xlarge", 8),
        ("inf2.48xlarge", 8),
        ("ml.inf2.xlarge", 2),
        ("trn1.32xlarge", 32),
        ("trn2.48xlarge", 32),
    ],
)
def test_a_decoder_takes_as_many_cores_as_divide_its_heads(instance, cores):
    key = serving_key(toolchain(instance, "serve"), instance, MODEL)

    assert key.tensor_parallel == cores
    assert MODEL.heads % cores == 0


def test_an_encoder_takes_one_core():
    model = replace(MODEL, architecture="BertModel")

    key = serving_key(toolchain("inf2.48xlarge", "serve"), "inf2.48xlarge", model)

    assert (key.kind, key.route, key.tensor_parallel) == ("encoder", "trace", 1)


@pytest.mark.parametrize(("instance", "lnc"), [("inf2.xlarge", None), ("trn2.48xlarge", 2)])
def test_the_logical_cores_are_the_chips_default(instance, lnc):
    assert serving_key(toolchain(instance, "serve"), instance, MODEL).lnc == lnc


@pytest.mark.parametrize(
    ("instance", "options", "said"),
    [
        ("inf2.8xlarge", {"tensor_parallel": 3}, "tensor parallel 3 does not fit: the 32 heads"),
        ("inf2.8xlarge", {"tensor_parallel": 4}, "go to 1, 2 of the 2 cores of inf2.8xlarge"),
        ("trn1.32xlarge", {"tensor_parallel": 16}, "go to 1, 2, 8, 32 of the 32 cores"),
        ("inf2.8xlarge", {"sequence_length": 4097}, "more than the 4096 positions"),
        ("inf2.8xlarge", {"lnc": 2}, "has no logical NeuronCore configuration 2"),
        ("ml.inf2.xlarge", {"dtype": "float32"}, "in the bfloat16 of its config.json"),
    ],
)
def test_a_model_that_does_not_fit_is_refused(instance, options, said):
    with pytest.raises(InputError, match=said):
        serving_key(toolchain(instance, "serve"), instance, MODEL, **options)


@pytest.mark.parametrize(
    ("gib", "dtype", "fits"),
    [
        (31, "bfloat16", True),
        (33, "bfloat16", False),
        (63, "float32", True),
        (65, "float32", False),
    ],
)
def test_weights_must_fit_the_cores_memory(gib, dtype, fits):
    model = replace(MODEL, size=gib * 2**30, dtype=dtype)

    def make():
        return serving_key(toolchain("inf2.8xlarge", "serve"), "inf2.8xlarge", model)

    if fits:
        assert make().dtype == "bfloat16"
    else:
        with pytest.raises(InputError, match=r"2 cores of inf2\.8xlarge have 32 GiB"):
            make()


@pytest.mark.parametrize("dtype", DTYPES)
def test_optimum_compiles_in_the_models_own_type(dtype):
    tools = toolchain("ml.inf2.xlarge", "serve")

    assert serving_key(tools, "ml.inf2.xlarge", replace(MODEL, dtype=dtype)).dtype == dtype


def graphs(**changes):
    given = {
        "nodes": 2,
        "options": {"model": "tiny", "batch": "64"},
        "vocabulary": 400,
        "sequence_length": 32,
        "code_sha256": "ef" * 32,
    }
    return training_key(toolchain("trn1.32xlarge", "train"), "trn1.32xlarge", **given | changes)


@pytest.mark.parametrize(
    "change",
    [
        {"nodes": 4},
        {"options": {"model": "tiny", "batch": "32"}},
        {"vocabulary": 500},
        {"sequence_length": 64},
        {"code_sha256": "12" * 32},
        {"flags": ("-O2",)},
    ],
)
def test_what_is_in_a_graph_is_in_its_key(change):
    assert graphs(**change).digest != graphs().digest


@pytest.mark.parametrize("option", ["out", "data", "steps", "seed", "learning-rate"])
def test_what_is_in_no_graph_is_not_in_its_key(option):
    options = {"model": "tiny", "batch": "64", option: "7"}

    assert graphs(options=options) == graphs()


def test_the_order_of_options_is_nothing():
    assert graphs(options={"batch": "64", "model": "tiny"}).digest == graphs().digest
