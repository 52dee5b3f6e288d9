from dataclasses import replace

import pytest

from workloads.artefacts.consumer import environment, vllm_options
from workloads.artefacts.toolchain import ROUTES


@pytest.mark.parametrize("route", [*ROUTES.values(), "graphs"])
def test_whoever_needs_an_artefact_is_told_where_it_is(key, route):
    assert "/there" in environment(replace(key, route=route), "/there").values()


def test_trn2_never_compiles_at_the_start(key):
    told = environment(replace(key, route="graph-capture"), "/there")

    assert told["VLLM_NEURON_DISABLE_WARMUP_COMPILE"] == "1"


def test_vllm_asks_for_the_compiled_shapes(key):
    options = vllm_options(key)

    assert options[options.index("--max-num-seqs") + 1] == f"{key.batch}"
    assert options[options.index("--max-model-len") + 1] == f"{key.sequence_length}"
    assert "--no-enable-prefix-caching" in options
    assert "--no-enable-prefix-caching" not in vllm_options(replace(key, route="graph-capture"))
