from stacks.__main__ import main

TODAY = ["--today", "2026-11-22"]


def test_the_environments_are_named_and_what_ends_soon_is_told_beside(capsys):
    assert main(TODAY) == 0

    told = capsys.readouterr()
    assert told.out == "demo dev prod\n"
    assert all(line.startswith("warning: demo, prod: ") for line in told.err.splitlines())


def test_what_will_have_ended_can_be_asked_for_ahead(capsys):
    assert main(["--today", "2099-01-01"]) == 2

    told = capsys.readouterr().err.splitlines()
    assert {line.partition(": ")[0].rpartition("/")[2] for line in told} == {
        "demo.toml",
        "dev.toml",
        "prod.toml",
    }
    assert all("support ended on" in line for line in told)


def test_a_day_that_is_none_is_one_sentence(capsys):
    assert main(["--today", "soon"]) == 2

    assert capsys.readouterr().err == "today = 'soon': not a day, such as 2027-03-27\n"


def test_a_mistake_is_one_sentence_and_exit_code_two(tmp_path, capsys):
    (tmp_path / "mine.toml").write_text('region = "us-east-2"\nnetwrk = {}\n')

    assert main([str(tmp_path), *TODAY]) == 2

    [sentence] = capsys.readouterr().err.splitlines()
    assert "mine.toml" in sentence and "netwrk" in sentence and "network" in sentence
