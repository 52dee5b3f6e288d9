"""What the processes of one machine share: a temporary folder, and the data in reach."""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from workloads.dataset import TOKENIZER, Dataset, read_dataset, verify
from workloads.files import open_folder
from workloads.train.host import Host


@contextmanager
def scratch_folder(host: Host) -> Iterator[Path]:
    """One temporary folder per machine, gone afterwards."""
    place = host.place
    mine = tempfile.mkdtemp(prefix="train-") if place.local_rank == 0 else ""
    try:
        # torchrun numbers a machine's processes one after the other.
        yield Path(host.gather(mine)[place.rank - place.local_rank])
    finally:
        if mine:
            shutil.rmtree(mine, ignore_errors=True)


def open_data(uri: str, host: Host, scratch: Path) -> tuple[Dataset, Path]:
    """The data set's manifest, and the folder on this machine that has its verified shards."""
    folder = open_folder(uri)
    dataset = read_dataset(folder)
    if host.place.local_rank == 0:
        names = [TOKENIZER, *(shard.file for shard in dataset.shards)]
        verify(dataset, folder.download(names, scratch / "data"))
    host.barrier()
    return dataset, folder.path or scratch / "data"
