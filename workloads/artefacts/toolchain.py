"""Which pinned image compiles for an accelerator, and how: one row of versions.toml."""

from collections.abc import Mapping
from dataclasses import dataclass

from workloads.command import InputError
from workloads.hardware import INSTANCES, Instance
from workloads.versions import VERSIONS

# What in an image compiles decoder models -> how workloads/compile/neuron.py does it.
ROUTES = {
    "neuronx-distributed-inference": "nxdi",
    "optimum-neuron": "optimum",
    "libtorch-neuronx-lite": "graph-capture",
}


@dataclass(frozen=True, kw_only=True)
class Toolchain:
    """An image with a compiler in it. `route` is empty where it compiles no decoder models."""

    use: str  # "serve" or "train"
    image: str
    sdk: str
    compiler: str
    python: str
    target: str  # neuronx-cc's --target
    route: str

    @property
    def image_name(self) -> str:
        """The image without its registry: the same one wherever it is mirrored."""
        return self.image.rpartition("/")[2]


def instance_of(name: str) -> Instance:
    """The EC2 type with Neuron cores behind `inf2.xlarge` or `ml.inf2.xlarge`; InputError."""
    instance = INSTANCES.get(name.removeprefix("ml."))
    if instance is None:
        family = name.removeprefix("ml.").partition(".")[0]
        near = sorted(each for each in INSTANCES if each.partition(".")[0] == family)
        raise InputError(f"{name!r} is no known instance type{_nearest(near)}")
    if not (instance.chip and instance.chip.compiler_target):
        raise InputError(
            f"{name} has nothing to compile for: it has no Trainium, nor Inferentia2;"
            " name a type such as inf2.8xlarge or trn1.32xlarge"
        )
    return instance


def toolchain(name: str, use: str, *, region: str = "") -> Toolchain:
    """What compiles for `use` on an instance type; `ml.` types are SageMaker's, with its image.

    `region` is where SageMaker's image is pulled from. InputError: nothing is pinned for it.
    """
    instance = instance_of(name)
    assert instance.chip and instance.chip.compiler_target
    target = instance.chip.compiler_target
    if name.startswith("ml."):
        image = VERSIONS.sagemaker
        if use != "serve" or instance.family not in image.families:
            raise InputError(
                f"no SageMaker image is pinned to {use} on {name}: versions.toml has one to serve"
                f" on {' and '.join(image.families)}"
            )
        if region and region not in image.regions:
            raise InputError(
                f"SageMaker's image {image.tag} is not published in {region}, but in"
                f" {', '.join(image.regions)}"
            )
        return Toolchain(
            use=use,
            image=image.uri(region or image.regions[0]),
            sdk=image.sdk,
            compiler=image.packages["neuronx-cc"],
            python=image.packages["python"],
            target=target,
            route=_route(image.packages),
        )
    stack = VERSIONS.neuron.get(instance.family)
    pinned = stack.uses.get(use) if stack else None
    if stack is None or pinned is None or pinned.image is None:
        reason = f" ({pinned.stack})" if pinned else ""
        raise InputError(f"no image is pinned to {use} on {name}{reason}; see versions.toml")
    return Toolchain(
        use=use,
        image=pinned.image,
        sdk=stack.sdk,
        compiler=stack.compiler,
        python=pinned.packages.get("python", ""),
        target=target,
        route=_route(pinned.packages),
    )


def same_compiler(pinned: str, seen: str) -> bool:
    """Whether `2.23.6484.0+3b612583`, as compilers call themselves, is the pinned 2.23.6484.0."""
    return seen.partition("+")[0] == pinned


def _route(packages: Mapping[str, str]) -> str:
    return next((route for package, route in ROUTES.items() if package in packages), "")


def _nearest(names: list[str]) -> str:
    return f"; of that family there are {', '.join(names)}" if names else ""
