import pytest

from operations.demo.folder import FolderError, claim


def test_what_an_earlier_demo_left_is_removed(tmp_path):
    with claim(tmp_path / "run") as folder:
        (folder / "aws").mkdir()
        (folder / "aws" / "state").write_text("old")
        (folder / "report.json").write_text("old")

    with claim(tmp_path / "run") as folder:
        assert [entry.name for entry in folder.iterdir()] == ["demo.log"]


def test_a_folder_that_is_not_a_demos_is_refused_and_kept(tmp_path):
    (tmp_path / "thesis.tex").write_text("years of work")

    with pytest.raises(FolderError, match="holds files that are not a demo's"), claim(tmp_path):
        pass

    assert (tmp_path / "thesis.tex").read_text() == "years of work"


def test_a_folder_in_use_is_refused(tmp_path):
    with (
        claim(tmp_path / "run"),
        pytest.raises(FolderError, match="another demo is using"),
        claim(tmp_path / "run"),
    ):
        pass


def test_a_folder_that_cannot_be_written_is_one_sentence(tmp_path):
    (tmp_path / "file").write_text("")

    with pytest.raises(FolderError, match="cannot be used") as failure, claim(tmp_path / "file/x"):
        pass

    assert "\n" not in str(failure.value)


def test_an_error_inside_is_not_blamed_on_the_folder(tmp_path):
    with pytest.raises(OSError, match="of the work"), claim(tmp_path / "run"):
        raise OSError("of the work")
