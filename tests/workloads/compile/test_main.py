import json

import pytest

from workloads.artefacts.store import publish
from workloads.compile.__main__ import main
from workloads.compile.plan import Request, plan
from workloads.files import open_folder


@pytest.fixture
def arguments(shop, llama):
    return ["--cache", shop.cache.uri, "--model", str(llama), "--serve-on", "inf2.8xlarge"]


def compile_it(shop, llama, tmp_path):
    """What `run` would have put there."""
    (row,) = plan(
        Request(cache=shop.cache.uri, model=str(llama), serve_on=("inf2.8xlarge",)), print
    )
    out = tmp_path / "compiled-model"
    out.mkdir()
    (out / "model.pt").write_text("graph")
    publish(shop.cache, row.key, out, made_with={"neuronx-cc": "2.23.6484.0+3b612583"})
    return row.key


def test_precompiled_only_refuses_until_it_is_compiled(shop, llama, arguments, tmp_path, capsys):
    assert main(["plan", *arguments]) == 0
    assert main(["plan", *arguments, "--require"]) == 1
    said = capsys.readouterr()
    assert "1 compiled artefact not ready in" in said.err
    assert "decoder for inf2, tensor parallel 2, batch 1, sequence 256" in said.err
    assert "Traceback" not in said.err

    compile_it(shop, llama, tmp_path)

    assert main(["plan", *arguments, "--require"]) == 0
    assert "everything is compiled" in capsys.readouterr().out


def test_another_shape_is_another_artefact(shop, llama, arguments, tmp_path):
    compile_it(shop, llama, tmp_path)

    assert main(["plan", *arguments, "--require", "--batch", "2"]) == 1


def test_a_plan_as_json_names_keys_and_jobs(shop, llama, arguments, tmp_path, capsys):
    main(["plan", *arguments, "--json"])
    (row,) = json.loads(capsys.readouterr().out)

    assert (row["state"], row["instance"]) == ("missing", "inf2.8xlarge")
    (job,) = row["jobs"]
    again = job["command"][job["command"].index("--cache") :]
    main(["plan", *again, "--json"])
    assert json.loads(capsys.readouterr().out)[0]["name"] == row["name"]

    compile_it(shop, llama, tmp_path)
    main(["plan", *arguments, "--json"])
    assert json.loads(capsys.readouterr().out)[0] | {"why": ""} == row | {
        "state": "ready",
        "jobs": [],
        "why": "",
    }


def test_a_training_plan_collects_and_then_compiles_the_same(local, data, capsys):
    options = ["--cache", local.cache.uri, "--train-on", "trn1.32xlarge", "--nodes", "2"]
    options += ["--flag=-O1", "--data", str(data), "--json", "--", "--model", "tiny", "--batch=64"]
    assert main(["plan", *options]) == 0
    (row,) = json.loads(capsys.readouterr().out)

    collect, queue = row["jobs"]
    again = queue["command"][queue["command"].index("--cache") :]
    main(["plan", "--json", *again])
    (same,) = json.loads(capsys.readouterr().out)

    assert same["name"] == row["name"]
    assert collect["environment"]["NEURON_COMPILE_CACHE_URL"].endswith(row["name"])
    assert row["key"]["settings"]["processes"] == "64"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["plan"], "the following arguments are required: --cache"),
        (["plan", "--cache", "c"], "nothing to compile for"),
        (["plan", "--cache", "c", "--serve-on", "inf2.xlarge"], "--serve-on needs --model"),
        (["plan", "--cache", "x://c", "--serve-on", "inf2.xlarge", "--model", "m"],
         "m is not a model: it has no config.json"),
        (["cache", "gc", "--cache", "c"], "say what is garbage"),
        (["cache", "prewarm", "x", "--cache", "c", "--into", "d"], "'x' is no artefact's name"),
        (["cache"], "required: ACTION"),
        (["doctor", "--for", "m7a.large"], "nothing to compile for"),
    ],
)  # fmt: skip
def test_a_users_mistake_is_a_sentence(arguments, said, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    assert main(arguments) == 2
    error = capsys.readouterr().err
    assert said in error
    assert error.count("\n") == 1


def test_a_model_too_large_for_the_pool_is_a_mistake(local, llama, capsys):
    options = ["--cache", local.cache.uri, "--model", str(llama), "--serve-on", "inf2.8xlarge"]

    assert main(["plan", *options, "--compile-on", "m7a.large"]) == 2
    assert "m7a.large has 2 vCPUs and 8 GiB" in capsys.readouterr().err
    assert main(["plan", *options, "--compile-on", "m7a.4xlarge"]) == 0
    more = ["--compile-on", "m7a.4xlarge", "--memory-gib", "100"]
    assert main(["plan", *options, *more]) == 2
    assert "asks for 8 and 100 GiB; m7a.8xlarge would do" in capsys.readouterr().err


def test_run_compiles_one_artefact(local, llama, capsys):
    options = ["--cache", local.cache.uri, "--model", str(llama)]

    assert main(["run", *options, "--serve-on", "inf2.8xlarge", "inf2.xlarge"]) == 2
    assert "run compiles one artefact, and these options name 2" in capsys.readouterr().err


def test_verify_finds_and_repair_deletes(shop, capsys):
    module = shop.module()
    shop.cache.write(f"{module}/model.neff", b"")
    options = ["--cache", shop.cache.uri]

    assert main(["cache", "verify", *options]) == 1
    assert f"{module}: truncated: model.neff is empty" in capsys.readouterr().out
    assert main(["cache", "repair", *options, "--dry-run"]) == 0
    assert main(["cache", "verify", *options]) == 1
    assert main(["cache", "repair", *options]) == 0
    assert main(["cache", "verify", *options, "--json"]) == 0
    assert capsys.readouterr().out.endswith("[]\n")


def test_repair_says_what_deleting_does_not_help(local, capsys):
    key = local.training(sealed=False)

    assert main(["cache", "repair", "--cache", local.cache.uri]) == 1
    assert f"deleting does not help {key.name}" in capsys.readouterr().err


def test_prewarm_copies_and_tells_the_server(shop, llama, tmp_path, capsys):
    key = compile_it(shop, llama, tmp_path)
    into = tmp_path / "node"
    options = ["--cache", shop.cache.uri, "--into", str(into)]

    assert main(["cache", "prewarm", key.name, *options]) == 0
    assert f"export NEURON_COMPILED_ARTIFACTS={into}" in capsys.readouterr().out
    assert (into / "model.pt").read_text() == "graph"
    missing = f"decoder/{'0' * 64}"
    assert main(["cache", "prewarm", missing, *options]) == 1
    assert "it was never compiled to its end" in capsys.readouterr().err


def test_gc_shows_before_it_deletes(shop, capsys):
    old = shop.decoder(compiler="2.20.0.0", made_by="2.20.0.0")
    shop.decoder()
    options = ["--cache", shop.cache.uri, "--unpinned"]

    assert main(["cache", "gc", *options, "--dry-run"]) == 0
    assert f"{old.name}: no image in versions.toml has compiler 2.20.0.0" in capsys.readouterr().out
    assert shop.cache.folder(old.name).names()
    assert main(["cache", "gc", *options]) == 0
    assert "1 deleted" in capsys.readouterr().out
    assert not shop.cache.folder(old.name).names()
    assert main(["cache", "stats", "--cache", shop.cache.uri, "--json"]) == 0
    (use,) = json.loads(capsys.readouterr().out)
    assert (use["kind"], use["artefacts"], use["files"]) == ("decoder", 1, 3)


def test_doctor_fails_where_a_package_is_not_the_pinned_one(tmp_path, capsys):
    empty = ["--path", str(tmp_path)]

    assert main(["doctor", *empty]) == 0
    assert main(["doctor", *empty, "--for", "inf2.xlarge"]) == 1
    said = capsys.readouterr()
    assert "not installed: pip install neuronx-cc==2.23.6484.0" in said.out
    assert main(["doctor", *empty, "--for", "ml.inf2.xlarge", "--json"]) == 1
    names = {check["name"] for check in json.loads(capsys.readouterr().out)}
    assert "optimum-neuron" in names


def test_a_cache_that_is_not_there_is_empty(tmp_path, capsys):
    assert main(["cache", "verify", "--cache", str(tmp_path / "none")]) == 0
    assert "nothing is wrong" in capsys.readouterr().out
    assert open_folder(str(tmp_path / "none")).names() == []
