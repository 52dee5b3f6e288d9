from stacks.__main__ import main


def test_the_environments_are_named(capsys):
    assert main([]) == 0
    assert capsys.readouterr().out == "demo dev prod\n"


def test_a_mistake_is_one_sentence_and_exit_code_two(tmp_path, capsys):
    (tmp_path / "mine.toml").write_text('region = "us-east-2"\nnetwrk = {}\n')

    assert main([str(tmp_path)]) == 2

    [sentence] = capsys.readouterr().err.splitlines()
    assert "mine.toml" in sentence and "netwrk" in sentence and "network" in sentence
