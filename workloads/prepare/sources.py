"""Where the text comes from: files, folders or S3 objects of UTF-8 text, one document each."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from workloads.command import InputError
from workloads.files import Folder, LocalFolder, open_folder

SUFFIXES = (".txt", ".md")  # what is taken out of a folder; a file named itself may end anyhow


@dataclass(frozen=True, kw_only=True)
class Source:
    """One file of text."""

    folder: Folder
    name: str

    @property
    def uri(self) -> str:
        return f"{self.folder.uri}/{self.name}"

    def read(self) -> bytes:
        return self.folder.read(self.name)

    def text(self) -> str:
        return self.decode(self.read())

    def decode(self, data: bytes) -> str:
        """What was read as text; InputError says why it is none."""
        if (offset := data.find(b"\0")) >= 0:
            raise InputError(f"{self.uri} is not text: byte {offset} is NUL; give UTF-8 text files")
        try:
            text = data.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            raise InputError(
                f"{self.uri} is not UTF-8 text: byte {error.start} is 0x{data[error.start]:02x};"
                " convert the file to UTF-8"
            ) from None
        if not text.strip():
            raise InputError(f"{self.uri} is empty; give files with text in them")
        return text


def find_sources(inputs: Sequence[str]) -> list[Source]:
    """The files behind each --input, in the order given; a folder's sorted by name."""
    return [source for uri in inputs for source in _find(uri)]


def _find(uri: str) -> Iterator[Source]:
    if "://" not in uri and not Path(uri).is_dir():
        yield Source(folder=LocalFolder(Path(uri).parent), name=Path(uri).name)
        return
    folder = open_folder(uri)
    files = folder.names()
    names = [name for name in files if name.lower().endswith(SUFFIXES)]
    if not names and not files and folder.path is None:
        bucket_folder, _, name = uri.rpartition("/")
        yield Source(folder=open_folder(bucket_folder), name=name)
        return
    if not names:
        raise InputError(f"{uri} holds no file that ends in {' or '.join(SUFFIXES)}")
    for name in names:
        yield Source(folder=folder, name=name)
