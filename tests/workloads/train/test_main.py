import shutil

import pytest

from workloads.train.__main__ import main


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (["--data", "/no/such/data"], "/no/such/data is not a prepared data set"),
        (["--data", "ftp://host/x"], "neither a folder nor s3://"),
        (["--out", "/proc/run"], "/proc/run"),
        (["--steps", "0"], "0 is too small: at least 1"),
        (["--model", "huge"], "--model huge is neither a size (micro, tiny, small) nor a folder"),
        (["--batch", "6", "--micro-batch", "4"], "--batch 6 sequences cannot be divided among 1"),
        (["--grace", "-1"], "--grace -1.0 is not a number of seconds"),
        (["--usd-per-hour", "nan"], "--usd-per-hour nan is not a price"),
        (["--device", "cuda"], "--device cuda: PyTorch sees none on this machine; try cpu"),
        (["--device", "xla"], "use the training image of Trn1 that workloads/versions.toml names"),
        (["--learning-rate", "0"], "--learning-rate 0.0 is not above 0"),
        (["--learning-rate", "nan"], "--learning-rate nan is not above 0"),
        (["--sted", "5"], "unrecognized arguments: --sted"),
    ],
)
def test_a_mistake_ends_with_one_sentence(data, tmp_path, capsys, options, sentence):
    code = main(["--data", str(data), "--out", str(tmp_path), "--model", "micro", *options])

    errors = [line for line in capsys.readouterr().err.splitlines() if line.startswith("train:")]
    assert code == 2
    assert len(errors) == 1
    assert sentence in errors[0]


def test_processes_that_do_not_divide_the_batch_are_refused_by_the_first(data, tmp_path, launcher):
    process = launcher.start("--data", data, "--out", tmp_path / "run", "--batch", "3")
    output, _ = process.communicate(timeout=300)

    said = [line for line in output.splitlines() if line.startswith("train:")]
    assert process.returncode != 0
    assert said == [
        "train: --batch 3 sequences cannot be divided among 2 processes; give a multiple of 2"
    ]
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (["--seed", "9"], "holds a run with --seed 0, not 9"),
        (["--steps", "70"], "holds a run with --steps 80, not 70"),
        (["--learning-rate", "0.1"], "holds a run with --learning-rate 0.003, not 0.1"),
    ],
)
def test_a_run_is_not_continued_with_other_settings(
    trained, data, tmp_path, train_options, capsys, options, sentence
):
    shutil.copytree(trained, tmp_path / "run")

    code = main(["--data", str(data), "--out", str(tmp_path / "run"), *train_options, *options])

    assert code == 2
    assert sentence in capsys.readouterr().err


def test_a_run_is_not_continued_on_other_data(trained, data, tmp_path, train_options, capsys):
    from workloads.prepare.__main__ import main as prepare

    shutil.copytree(trained, tmp_path / "run")
    other = ["--stories", "300", "--seed", "1", "--vocabulary", "400", "--sequence-length", "32"]
    prepare([*other, "--out", str(tmp_path / "data")])

    code = main(["--data", str(tmp_path / "data"), "--out", str(tmp_path / "run"), *train_options])

    assert code == 2
    assert "holds a run on another data than" in capsys.readouterr().err


def test_damaged_data_is_not_trained_on(data, tmp_path, capsys):
    shutil.copytree(data, tmp_path / "data")
    [shard] = (tmp_path / "data").glob("tokens-*.bin")
    shard.write_bytes(shard.read_bytes()[:-2] + b"\0\0")

    code = main(["--data", str(tmp_path / "data"), "--out", str(tmp_path / "run")])

    assert code == 2
    assert f"{shard.name} is not the file its manifest names" in capsys.readouterr().err


def test_a_loss_that_is_no_number_ends_the_run_before_it_is_saved(data, tmp_path, capsys):
    options = [
        "--model",
        "micro",
        "--steps",
        "20",
        "--learning-rate",
        "1e30",
        "--warmup-steps",
        "0",
    ]

    code = main(["--data", str(data), "--out", str(tmp_path), *options])

    assert code == 1
    assert "try a smaller --learning-rate" in capsys.readouterr().err
    assert not (tmp_path / "checkpoints").exists()


def test_a_checkpoint_that_cannot_be_written_ends_the_run_with_a_sentence(data, tmp_path, capsys):
    place = tmp_path / "checkpoints" / "step-00000005"
    place.parent.mkdir()
    place.symlink_to("/proc/nothing")  # no folder can be made there, by root neither

    code = main(["--data", str(data), "--out", str(tmp_path), "--model", "micro", "--steps", "5"])

    errors = [line for line in capsys.readouterr().err.splitlines() if line.startswith("train:")]
    assert code == 1
    assert len(errors) == 1
    assert f"train: {place}: process 0 could not write: " in errors[0]
