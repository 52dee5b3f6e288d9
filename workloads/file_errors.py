"""What the operating system and S3 say about a place, each as one sentence."""

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from workloads.command import InputError, StageError


@contextmanager
def sentences(place: Path | str) -> Iterator[None]:
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
