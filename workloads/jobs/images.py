"""The images that hold the project's own code: tags of one repository in the account's registry.

`python -m workloads.images` builds and pushes them. The repository never lets a tag be overwritten,
so that each ends with a digest of all that goes into the image: a job runs the code of the folder
that it was submitted from, or none. A job that a stage describes names its image without the
repository, and gets that of the pool it runs on.
"""

import hashlib
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from workloads.command import InputError
from workloads.jobs.pool import Pool
from workloads.versions import VERSIONS

OURS = "workloads:"  # in place of a repository
CPU = "workloads/cpu.Dockerfile"
NEURON = "workloads/neuron.Dockerfile"
COMPILE = "workloads/compile/Dockerfile"
ROOT = Path(__file__).parents[2]  # what is built from


@dataclass(frozen=True, kw_only=True)
class Image:
    """A kind of image and the file it is built by, on `base` where the file names none."""

    kind: str
    dockerfile: str
    base: str = ""

    @property
    def tag(self) -> str:
        base = self.base.rpartition("/")[2]  # wherever it is pulled from
        digest = hashlib.sha256(f"{base} {contents()}".encode()).hexdigest()
        return f"{self.kind}-{digest[:12]}"

    @property
    def name(self) -> str:
        """Without the repository, which `located` puts in front."""
        return OURS + self.tag


def images(region: str) -> list[Image]:
    """Every image that a job may ask for; AWS's own for SageMaker are published by region."""
    stacks = VERSIONS.neuron.values()
    training = {stack.sdk: stack.images["train"] for stack in stacks if "train" in stack.images}
    bases = [base for stack in stacks for base in stack.images.values()]
    return [
        Image(kind="cpu", dockerfile=CPU),
        *(training_image(sdk, base) for sdk, base in training.items()),
        *map(compiling_image, dict.fromkeys([*bases, VERSIONS.sagemaker.uri(region)])),
    ]


def training_image(sdk: str, base: str) -> Image:
    """AWS's image to train with a Neuron SDK, with our code."""
    return Image(kind=f"neuron-sdk{sdk}", dockerfile=NEURON, base=base)


def compiling_image(base: str) -> Image:
    """One of AWS's images with our code, to compile in: compile-NAME-TAG of AWS's."""
    name = base.rpartition("/")[2].partition("@")[0].replace(":", "-")
    return Image(kind=f"compile-{name}", dockerfile=COMPILE, base=base)


def image(pool: Pool) -> str:
    """The image for the pool's nodes. InputError: there is none for them, or no repository."""
    return located(_for_nodes(pool).name, pool)


def located(name: str, pool: Pool) -> str:
    """One of our images where the pool's nodes find it; any other as it is. InputError: nowhere."""
    if not name.startswith(OURS):
        return name
    tag = name.removeprefix(OURS)
    if pool.registry is None or pool.images is None:
        raise InputError(f"which repository has the image {tag} is not known; give --image")
    return f"{pool.registry}/{pool.images}:{tag}"


def _for_nodes(pool: Pool) -> Image:
    if pool.hardware.chip is None:
        return Image(kind="cpu", dockerfile=CPU)
    stack = VERSIONS.neuron.get(pool.hardware.family)
    if stack is None or "train" not in stack.images:
        raise InputError(
            f"no training image is pinned for {pool.instance_type} in workloads/versions.toml; "
            "give --image"
        )
    return training_image(stack.sdk, stack.images["train"])


@cache
def contents() -> str:
    """SHA-256 of every file that an image is built from: the package, and the constraints."""
    digest = hashlib.sha256()
    files = [ROOT / "constraints.txt", *(ROOT / "workloads").rglob("*")]
    for file in sorted(
        file for file in files if file.is_file() and "__pycache__" not in file.parts
    ):
        digest.update(file.relative_to(ROOT).as_posix().encode() + b"\0")
        digest.update(hashlib.sha256(file.read_bytes()).digest())
    return digest.hexdigest()
