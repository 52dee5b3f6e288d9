import pytest

from workloads.command import InputError
from workloads.files import open_folder
from workloads.prepare.sources import find_sources


def test_a_folder_stands_for_the_texts_below_it_in_order(tmp_path):
    for name in ("b.txt", "a.md", "sub/c.TXT", "ignored.png", "ignored.json"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(name)

    sources = find_sources([str(tmp_path)])

    assert [source.name for source in sources] == ["a.md", "b.txt", "sub/c.TXT"]


def test_a_file_named_itself_may_end_anyhow_and_order_is_kept(tmp_path):
    (tmp_path / "z.log").write_text("z")
    (tmp_path / "a").write_text("a")

    sources = find_sources([str(tmp_path / "z.log"), str(tmp_path / "a")])

    assert [source.text() for source in sources] == ["z", "a"]


def test_an_object_and_a_prefix_are_found_in_s3(bucket):
    folder = open_folder(bucket)
    folder.write("texts/one.txt", b"one")
    folder.write("texts/two.txt", b"two")
    folder.write("three.log", b"three")

    sources = find_sources([f"{bucket}/texts", f"{bucket}/three.log"])

    assert [source.uri for source in sources] == [
        f"{bucket}/texts/one.txt",
        f"{bucket}/texts/two.txt",
        f"{bucket}/three.log",
    ]
    assert sources[2].text() == "three"


def test_a_byte_order_mark_is_not_text(tmp_path):
    (tmp_path / "a.txt").write_bytes("\ufeffgrüße".encode())

    assert find_sources([str(tmp_path)])[0].text() == "grüße"


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "is empty"),
        (b" \n\t\n", "is empty"),
        (b"\x89PNG\r\n\x1a\n\0\0", "byte 8 is NUL"),
        ("grüße".encode("latin-1"), "not UTF-8 text: byte 2 is 0xfc"),
        (b"cut in a character \xe2\x82", "not UTF-8 text: byte 19 is 0xe2"),
    ],
)
def test_what_is_no_text_is_refused_in_a_sentence(tmp_path, content, reason):
    (tmp_path / "a.txt").write_bytes(content)
    [source] = find_sources([str(tmp_path / "a.txt")])

    with pytest.raises(InputError, match=f"a.txt .*{reason}"):
        source.text()


def test_a_folder_without_texts_is_refused(tmp_path):
    (tmp_path / "a.png").write_bytes(b"")

    with pytest.raises(InputError, match=r"holds no file that ends in \.txt or \.md"):
        find_sources([str(tmp_path)])
