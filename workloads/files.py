"""A folder on this machine, or s3://bucket/prefix, read and written the same way.

Names inside a folder are relative and use '/'. Nothing here knows what the files mean.
"""

import errno
import hashlib
import os
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import Any, BinaryIO, Protocol

from workloads.command import InputError, StageError

UNFINISHED = ".tmp"  # a name with this ending is a write that has not happened yet


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
        with _sentences(self.uri):
            files = (file for file in self.path.rglob("*") if file.is_file())
            names = (file.relative_to(self.path).as_posix() for file in files)
            return sorted(name for name in names if not name.endswith(UNFINISHED))

    def exists(self, name: str) -> bool:
        return (self.path / _inside(name)).is_file()

    def describe(self, name: str) -> tuple[int, str]:
        file = self.path / _inside(name)
        with _sentences(file), file.open("rb") as stream:
            return os.fstat(stream.fileno()).st_size, hashlib.file_digest(
                stream, "sha256"
            ).hexdigest()

    def open(self, name: str, start: int = 0, stop: int | None = None) -> BinaryIO:
        file = self.path / _inside(name)
        with _sentences(file):
            stream = file.open("rb")
            stream.seek(start)
            return stream

    def read(self, name: str) -> bytes:
        file = self.path / _inside(name)
        with _sentences(file):
            return file.read_bytes()

    def write(self, name: str, data: bytes) -> None:
        with self._replacing(name) as unfinished, unfinished.open("wb") as stream:
            stream.write(data)
            stream.flush()
            os.fsync(stream.fileno())

    def delete(self, name: str) -> None:
        file = self.path / _inside(name)
        with _sentences(file):
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
        with _sentences(file):
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
        start = f"{self._prefix}/" if self._prefix else ""
        pages = self._client.get_paginator("list_objects_v2").paginate(
            Bucket=self._bucket, Prefix=start
        )
        with _sentences(self.uri):
            keys = [item["Key"] for page in pages for item in page.get("Contents", ())]
        return sorted(key.removeprefix(start) for key in keys if not key.endswith("/"))

    def exists(self, name: str) -> bool:
        from botocore.exceptions import ClientError

        with _sentences(self._name(name)):
            try:
                self._client.head_object(Bucket=self._bucket, Key=self._key(name))
            except ClientError as error:
                if error.response["Error"]["Code"] in ("404", "NoSuchKey"):
                    return False
                raise
            return True

    def describe(self, name: str) -> tuple[int, str]:
        with _sentences(self._name(name)):
            answer = self._client.head_object(Bucket=self._bucket, Key=self._key(name))
            return answer["ContentLength"], answer["ETag"].strip('"')

    def open(self, name: str, start: int = 0, stop: int | None = None) -> BinaryIO:
        end = "" if stop is None else f"{stop - 1}"
        # Of an empty object there is no range.
        some = {"Range": f"bytes={start}-{end}"} if start or stop is not None else {}
        with _sentences(self._name(name)):
            answer = self._client.get_object(Bucket=self._bucket, Key=self._key(name), **some)
            body: BinaryIO = answer["Body"]
            return body

    def read(self, name: str) -> bytes:
        with _sentences(self._name(name)):
            answer = self._client.get_object(Bucket=self._bucket, Key=self._key(name))
            data: bytes = answer["Body"].read()
            return data

    def write(self, name: str, data: bytes) -> None:
        with _sentences(self._name(name)):
            self._client.put_object(Bucket=self._bucket, Key=self._key(name), Body=data)

    def delete(self, name: str) -> None:
        with _sentences(self._name(name)):
            self._client.delete_object(Bucket=self._bucket, Key=self._key(name))

    def upload(self, source: Path, name: str) -> None:
        with _sentences(self._name(name)):
            self._client.upload_file(str(source), self._bucket, self._key(name))

    def download(self, names: Iterable[str], into: Path) -> Path:
        for name in names:
            file = into / _inside(name)
            with _sentences(file):
                file.parent.mkdir(parents=True, exist_ok=True)
            with _sentences(self._name(name)):
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


@contextmanager
def _sentences(place: Path | str) -> Iterator[None]:
    """What the operating system or S3 says about `place`, as one sentence."""
    try:
        yield
    except OSError as error:
        raise _from_os(place, error) from None
    except Exception as error:
        told = _from_s3(place, error)
        if told is None:
            raise
        raise told from None


def _from_os(place: Path | str, error: OSError) -> InputError | StageError:
    reason = (error.strerror or str(error)).lower()
    sentence = f"{place}: {reason}"
    match error.errno:
        case errno.ENOENT:
            return InputError(f"{place} does not exist")
        case errno.EACCES | errno.EPERM | errno.EROFS:
            return InputError(f"{sentence}; give a place this user may read and write")
        case errno.EISDIR | errno.ENOTDIR | errno.EEXIST:
            return InputError(sentence)
    return StageError(sentence)


def _from_s3(place: Path | str, error: Exception) -> InputError | StageError | None:
    if not type(error).__module__.startswith(("botocore", "boto3", "s3transfer")):
        return None
    answered = error if hasattr(error, "response") else error.__context__  # uploads wrap it
    code = getattr(answered, "response", {}).get("Error", {}).get("Code", type(error).__name__)
    match code:
        case "404" | "NoSuchKey":
            return InputError(f"{place} does not exist")
        case "NoSuchBucket":
            bucket = str(place).removeprefix("s3://").partition("/")[0]
            return InputError(f"{place}: there is no bucket {bucket!r}")
        case "403" | "AccessDenied" | "InvalidAccessKeyId" | "SignatureDoesNotMatch":
            return InputError(f"{place}: access denied with the AWS credentials in use")
        case "NoCredentialsError" | "PartialCredentialsError" | "NoRegionError":
            return InputError(f"{place}: {str(error).rstrip('.').lower()}; configure the AWS SDK")
    return StageError(f"{place}: {' '.join(str(error).split())}")
