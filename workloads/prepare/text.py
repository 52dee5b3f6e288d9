"""What there is to prepare: documents that can be gone through again, and where they are from."""

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from workloads.command import progress
from workloads.prepare.sources import find_sources
from workloads.prepare.stories import stories


@dataclass(frozen=True, kw_only=True)
class Text:
    """`documents` begins anew with each call; `sources` goes into the manifest."""

    documents: Callable[[], Iterator[str]]
    sources: tuple[dict[str, Any], ...]


def read_files(inputs: Sequence[str]) -> Text:
    """The text of files; each is read here once, so that a bad one stops us before any work."""
    files = find_sources(inputs)
    sources = []
    for file in files:
        data = file.read()
        file.decode(data)
        sources.append({"file": file.uri} | _fingerprint([data]))
    progress(f"read {len(files)} files, {sum(source['bytes'] for source in sources):,} bytes")
    return Text(documents=lambda: (file.text() for file in files), sources=tuple(sources))


def tell_stories(count: int, seed: int) -> Text:
    """The text of `count` generated stories."""
    told = _fingerprint(story.encode() for story in stories(count, seed))
    progress(f"told {count:,} stories, {told['bytes']:,} bytes")
    return Text(
        documents=lambda: stories(count, seed),
        sources=({"stories": count, "seed": seed} | told,),
    )


def _fingerprint(texts: Sequence[bytes] | Iterator[bytes]) -> dict[str, Any]:
    size, digest = 0, hashlib.sha256()
    for text in texts:
        size += len(text)
        digest.update(text)
    return {"bytes": size, "sha256": digest.hexdigest()}
