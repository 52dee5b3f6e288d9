"""A folder on this machine, or s3://bucket/prefix, read and written the same way.

Names inside a folder are relative and use '/'. Nothing here knows what the files mean.
"""

import hashlib
import os
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath
from typing import Any, BinaryIO, Protocol

from workloads.command import InputError
from workloads.file_errors import sentences

CHECKED = {"ChecksumAlgorithm": "SHA256"}  # sent along: S3 refuses what arrives changed
# What a conditional write is refused with: not that version, gone, or another write under way.
CHANGED = ("PreconditionFailed", "NoSuchKey", "ConditionalRequestConflict")
UNFINISHED = ".tmp"  # a name with this ending is a write that has not happened yet


@dataclass(frozen=True, kw_only=True)
class Stat:
    """What a listing tells of a file."""

    bytes: int
    modified: datetime  # with its time zone


class Folder(Protocol):
    """What both kinds of folder can do; their errors are InputError or StageError."""

    @property
    def uri(self) -> str: ...
    @property
    def path(self) -> Path | None:
        """Where it lies on this machine; None when it is elsewhere."""

    def folder(self, name: str) -> "Folder": ...
    def names(self) -> list[str]:
        """Every file below the folder, sorted; none when there is no such folder."""

    def stats(self) -> dict[str, Stat]:
        """The same names, in the same order, with what the listing tells of each."""

    def exists(self, name: str) -> bool: ...
    def describe(self, name: str) -> tuple[int, str]:
        """Its bytes, and what changes when they do: their SHA-256 here, the ETag in S3."""

    def open(self, name: str, start: int = 0, stop: int | None = None) -> BinaryIO:
        """A stream to read() its bytes from `start` on; of those after `stop` some may follow."""

    def read(self, name: str) -> bytes: ...
    def write(self, name: str, data: bytes) -> None:
        """All or nothing: a reader sees the former content or the new one."""

    def delete(self, name: str) -> None:
        """Gone afterwards, whether it was there or not."""

    def upload(self, source: Path, name: str) -> None:
        """A file of any size from this machine; nothing to do when it already lies there."""

    def download(self, names: Iterable[str], into: Path) -> Path:
        """A folder on this machine that has these files: itself, or `into`."""


def open_folder(uri: str) -> Folder:
    """The folder behind a path or an s3:// URI; it need not exist yet."""
    scheme, separator, rest = uri.partition("://")
    if not separator:
        return LocalFolder(Path(uri))
    bucket, _, prefix = rest.partition("/")
    if scheme != "s3" or not bucket:
        raise InputError(f"{uri!r} is neither a folder nor s3://bucket/prefix")
    return S3Folder(_s3_client(), bucket, prefix.strip("/"))


class LocalFolder:
    """A directory; made on the first write."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @property
    def uri(self) -> str:
        return str(self.path)

    def folder(self, name: str) -> "LocalFolder":
        return LocalFolder(self.path / _inside(name))

    def names(self) -> list[str]:
        with sentences(self.uri):
            files = (file for file in self.path.rglob("*") if file.is_file())
            names = (file.relative_to(self.path).as_posix() for file in files)
            return sorted(name for name in names if not name.endswith(UNFINISHED))

    def stats(self) -> dict[str, Stat]:
        found: dict[str, Stat] = {}
        for name in self.names():
            with suppress(FileNotFoundError):  # deleted meanwhile
                told = (self.path / name).stat()
                modified = datetime.fromtimestamp(told.st_mtime, UTC)
                found[name] = Stat(bytes=told.st_size, modified=modified)
        return found

    def exists(self, name: str) -> bool:
        return (self.path / _inside(name)).is_file()

    def describe(self, name: str) -> tuple[int, str]:
        file = self.path / _inside(name)
        with sentences(file), file.open("rb") as stream:
            return os.fstat(stream.fileno()).st_size, hashlib.file_digest(
                stream, "sha256"
            ).hexdigest()

    def open(self, name: str, start: int = 0, stop: int | None = None) -> BinaryIO:
        file = self.path / _inside(name)
        with sentences(file):
            stream = file.open("rb")
            stream.seek(start)
            return stream

    def read(self, name: str) -> bytes:
        file = self.path / _inside(name)
        with sentences(file):
            return file.read_bytes()

    def write(self, name: str, data: bytes) -> None:
        with self._replacing(name) as unfinished, unfinished.open("wb") as stream:
            stream.write(data)
            stream.flush()
            os.fsync(stream.fileno())

    def delete(self, name: str) -> None:
        file = self.path / _inside(name)
        with sentences(file):
            file.unlink(missing_ok=True)

    def upload(self, source: Path, name: str) -> None:
        if source.resolve() != (self.path / _inside(name)).resolve():
            with self._replacing(name) as unfinished:
                shutil.copyfile(source, unfinished)

    def download(self, names: Iterable[str], into: Path) -> Path:
        for name in names:
            if not self.exists(name):
                raise InputError(f"{self.path / name} does not exist")
        return self.path

    @contextmanager
    def _replacing(self, name: str) -> Iterator[Path]:
        """A file beside `name` to write into, renamed to it if all goes well."""
        file = self.path / _inside(name)
        with sentences(file):
            file.parent.mkdir(parents=True, exist_ok=True)
            handle, unfinished = tempfile.mkstemp(
                dir=file.parent, prefix=f"{file.name}.", suffix=UNFINISHED
            )
            try:
                os.fchmod(handle, 0o644)  # mkstemp's 0600 would hide the result from other users
                os.close(handle)
                yield Path(unfinished)
                Path(unfinished).replace(file)
            except BaseException:
                Path(unfinished).unlink(missing_ok=True)
                raise


class S3Folder:
    """The objects of a bucket below a prefix."""

    path = None

    def __init__(self, client: Any, bucket: str, prefix: str) -> None:
        self._client = client
        self._bucket = bucket
        self._prefix = prefix

    @property
    def uri(self) -> str:
        return f"s3://{self._bucket}/{self._prefix}".rstrip("/")

    def folder(self, name: str) -> "S3Folder":
        return S3Folder(self._client, self._bucket, self._key(name))

    def names(self) -> list[str]:
        return list(self.stats())

    def stats(self) -> dict[str, Stat]:
        start = f"{self._prefix}/" if self._prefix else ""
        pages = self._client.get_paginator("list_objects_v2").paginate(
            Bucket=self._bucket, Prefix=start
        )
        with sentences(self.uri):
            items = [item for page in pages for item in page.get("Contents", ())]
        return {
            item["Key"].removeprefix(start): Stat(bytes=item["Size"], modified=item["LastModified"])
            for item in sorted(items, key=lambda item: item["Key"])
            if not item["Key"].endswith("/")
        }

    def exists(self, name: str) -> bool:
        from botocore.exceptions import ClientError

        with sentences(self._name(name)):
            try:
                self._client.head_object(Bucket=self._bucket, Key=self._key(name))
            except ClientError as error:
                if error.response["Error"]["Code"] in ("404", "NoSuchKey"):
                    return False
                raise
            return True

    def describe(self, name: str) -> tuple[int, str]:
        with sentences(self._name(name)):
            answer = self._client.head_object(Bucket=self._bucket, Key=self._key(name))
            return answer["ContentLength"], answer["ETag"].strip('"')

    def open(self, name: str, start: int = 0, stop: int | None = None) -> BinaryIO:
        end = "" if stop is None else f"{stop - 1}"
        # Of an empty object there is no range.
        some = {"Range": f"bytes={start}-{end}"} if start or stop is not None else {}
        with sentences(self._name(name)):
            answer = self._client.get_object(Bucket=self._bucket, Key=self._key(name), **some)
            body: BinaryIO = answer["Body"]
            return body

    def read(self, name: str) -> bytes:
        with sentences(self._name(name)):
            answer = self._client.get_object(Bucket=self._bucket, Key=self._key(name))
            data: bytes = answer["Body"].read()
            return data

    def write(self, name: str, data: bytes) -> None:
        with sentences(self._name(name)):
            self._client.put_object(Bucket=self._bucket, Key=self._key(name), Body=data, **CHECKED)

    def read_with_etag(self, name: str) -> tuple[bytes, str]:
        with sentences(self._name(name)):
            answer = self._client.get_object(Bucket=self._bucket, Key=self._key(name))
            return answer["Body"].read(), answer["ETag"]

    def write_if(self, name: str, data: bytes, etag: str | None) -> str | None:
        """Write over this very object (None: there must be none); its ETag, or None if it is
        another one meanwhile."""
        from botocore.exceptions import ClientError

        condition = {"IfNoneMatch": "*"} if etag is None else {"IfMatch": etag}
        with sentences(self._name(name)):
            try:
                answer = self._client.put_object(
                    Bucket=self._bucket, Key=self._key(name), Body=data, **CHECKED, **condition
                )
            except ClientError as error:
                if error.response["Error"]["Code"] not in CHANGED:
                    raise
                return None
            written: str = answer["ETag"]
            return written

    def delete(self, name: str) -> None:
        with sentences(self._name(name)):
            self._client.delete_object(Bucket=self._bucket, Key=self._key(name))

    def upload(self, source: Path, name: str) -> None:
        with sentences(self._name(name)):
            self._client.upload_file(str(source), self._bucket, self._key(name), ExtraArgs=CHECKED)

    def download(self, names: Iterable[str], into: Path) -> Path:
        for name in names:
            file = into / _inside(name)
            with sentences(file):
                file.parent.mkdir(parents=True, exist_ok=True)
            with sentences(self._name(name)):
                self._client.download_file(self._bucket, self._key(name), str(file))
        return into

    def _key(self, name: str) -> str:
        return f"{self._prefix}/{_inside(name)}".lstrip("/")

    def _name(self, name: str) -> str:
        return f"{self.uri}/{name}"


def _inside(name: str) -> str:
    """The name itself, unless it would lead out of its folder."""
    parts = PurePosixPath(name).parts
    if not parts or parts[0] == "/" or ".." in parts:
        raise InputError(f"{name!r} is not the name of a file inside a folder")
    return name


def _s3_client() -> Any:
    import boto3  # half a second that a run on folders need not pay
    from botocore.config import Config

    return boto3.Session().client("s3", config=Config(retries={"mode": "standard"}))
