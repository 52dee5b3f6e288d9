"""Which documents repeat earlier ones: by content, or by what most of it is.

The global exchange: every part's signatures are cut into buckets by hash, so that what is equal
meets in one bucket; each bucket gives pairs, and all pairs together give groups. Of a group the
document that comes first in the input stays, however the work was divided.
"""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from numpy.typing import NDArray

from workloads.files import Folder
from workloads.prepare.layout import PAIRS, PART_BITS, REMOVED, load, save
from workloads.prepare.signatures import SIGNATURES, read_bucket
from workloads.prepare.work import Tally

Numbers = NDArray[np.uint64]


def match(work: Folder, stem: str, cleaned: Sequence[str], bucket: int, buckets: int) -> Tally:
    """Write the pairs of equal signatures in a bucket: a document, the first one, and how."""
    with ThreadPoolExecutor(16) as readers:
        found = list(
            readers.map(lambda name: read_bucket(work, name + SIGNATURES, bucket, buckets), cleaned)
        )
    parts = np.repeat(np.arange(len(found), dtype=np.uint64), [len(some) for some in found])
    records = np.concatenate(found)
    numbers = parts << PART_BITS | records["row"]
    order = np.lexsort((numbers, records["check"], records["hash"], records["exact"]))
    records, numbers = records[order], numbers[order]
    begins = np.ones(len(order), dtype=bool)
    begins[1:] = False
    for column in ("exact", "hash", "check"):
        begins[1:] |= records[column][1:] != records[column][:-1]
    originals = numbers[begins][np.cumsum(begins) - 1]
    again = numbers != originals
    exact = records["exact"][again].astype(np.uint64)
    pairs = np.unique(np.stack((numbers[again], originals[again], exact), axis=1), axis=0)
    work.write(stem + PAIRS, save(pairs))
    return {"pairs": len(pairs)}


def merge(work: Folder, stem: str, matched: Sequence[str], parts: int) -> Tally:
    """Write the numbers of the documents to leave out, ascending."""
    pairs = np.concatenate([load(work, name + PAIRS) for name in matched])
    repeated, groups = first_of_group(pairs[:, 0], pairs[:, 1])
    removed = repeated[repeated != groups]
    copies = np.unique(pairs[pairs[:, 2] == 1, 0])
    exact = np.isin(removed, copies)
    work.write(stem + REMOVED, save(removed))
    return {
        "exact": int(exact.sum()),
        "near": int((~exact).sum()),
        "largest": int(np.unique(groups, return_counts=True)[1].max(initial=0)),
        "parts": np.bincount((removed >> PART_BITS).astype(np.intp), minlength=parts).tolist(),
    }


def first_of_group(left: Numbers, right: Numbers) -> tuple[Numbers, Numbers]:
    """All numbers that occur, ascending, and for each the least that pairs lead to."""
    numbers, places = np.unique(np.concatenate((left, right)), return_inverse=True)
    a, b = places[: len(left)], places[len(left) :]
    least = np.arange(len(numbers))
    while True:
        lower = least.copy()
        np.minimum.at(lower, a, least[b])
        np.minimum.at(lower, b, least[a])
        lower = lower[lower]
        if np.array_equal(lower, least):
            return numbers, numbers[least]
        least = lower
