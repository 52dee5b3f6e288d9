import json
import subprocess
from pathlib import Path

from operations.mirror.__main__ import main

TESTED = str(Path(__file__).parents[2] / "stacks" / "environments")
OWN = "111122223333.dkr.ecr.us-west-2.amazonaws.com/"


def test_it_lists_what_to_copy_and_where_it_goes(capsys):
    assert main(["closed", "--environments", TESTED]) == 0

    out = capsys.readouterr().out
    assert OWN.rstrip("/") in out
    assert "  chart  kueue/charts/kueue:" in out
    assert "--script" in out


def test_a_program_reads_the_same(capsys):
    assert main(["closed", "--environments", TESTED, "--json"]) == 0

    copies = json.loads(capsys.readouterr().out)
    assert {copy["kind"] for copy in copies} == {"chart", "image"}
    assert all(copy["target"].startswith(OWN) for copy in copies)


def test_the_script_is_bash(capsys):
    assert main(["closed", "--environments", TESTED, "--script"]) == 0

    text = capsys.readouterr().out
    assert subprocess.run(["bash", "-n"], input=text, text=True).returncode == 0


def test_with_a_way_out_there_is_nothing_to_do(capsys):
    for form in ([], ["--script"]):
        assert main(["prod", *form]) == 0
        assert capsys.readouterr().out.endswith(
            'prod has a way out (network.egress = "nat"): nothing needs copying.\n'
        )
    assert main(["prod", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == []


def test_an_environment_that_is_none_is_a_sentence(capsys):
    assert main(["prd"]) == 2

    said = capsys.readouterr().err
    assert said.startswith("operations.mirror: 'prd' is not an environment of ")
    assert "prod" in said and said.count("\n") == 1


def test_a_folder_that_is_none_is_a_sentence(capsys, tmp_path):
    assert main(["prod", "--environments", str(tmp_path / "none")]) == 2

    assert "is not a folder" in capsys.readouterr().err
