import json

from rich.console import Console

from operations.demo.compilation import options_of, read_plan, summary, table_of
from stacks.config import load_environments
from workloads.compile.__main__ import main


def test_pools_train_or_serve_by_what_is_pinned_for_them():
    options = options_of(load_environments()["demo"])

    assert options == [
        *("--serve-on", "inf2.8xlarge", "ml.inf2.xlarge"),
        *("--train-on", "trn1.32xlarge", "--compile-on", "m7a.4xlarge"),
    ]


def test_a_plan_that_was_printed_is_read(tmp_path, capsys):
    config = {
        "architectures": ["LlamaForCausalLM"],
        "model_type": "llama",
        "num_attention_heads": 4,
        "max_position_embeddings": 256,
    }
    (tmp_path / "config.json").write_text(json.dumps(config))
    options = ["--cache", str(tmp_path / "cache"), "--model", str(tmp_path), "--json"]
    assert main(["plan", *options, "--serve-on", "inf2.8xlarge", "ml.inf2.xlarge"]) == 0

    artefacts = read_plan(["reading the model", *capsys.readouterr().out.splitlines()])

    assert [artefact.instance for artefact in artefacts] == ["inf2.8xlarge", "ml.inf2.xlarge"]
    assert {artefact.state for artefact in artefacts} == {"missing"}
    assert summary(artefacts) == "2 artefacts needed on Neuron, 0 in the cache"
    console = Console(width=200, record=True)
    console.print(table_of(artefacts))
    assert "17 GiB of the CPU pool" in console.export_text()
