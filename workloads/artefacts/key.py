"""What a compiled artefact depends on, all of it, and the name that follows from it."""

import hashlib
import json
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from workloads.artefacts.model import Model
from workloads.artefacts.toolchain import Toolchain, instance_of
from workloads.command import InputError

Kind = Literal["decoder", "encoder", "training"]
KINDS: tuple[Kind, ...] = ("decoder", "encoder", "training")
DTYPES = ("bfloat16", "float32")

# The degrees of tensor parallelism that the runtime joins cores for, as far as both sources agree:
# aws-neuron-sdk, about-neuron/transformers/generative-llm-inference-with-neuron.rst, which has 12
# on Inf2 too, and archive/transformers-neuronx/transformers-neuronx-developer-guide.rst. For trn2
# none are published.
DEGREES = {"inf2": (1, 2, 4, 8, 24), "trn1": (1, 2, 8, 32)}
BYTES = {"bfloat16": 2, "float16": 2, "float32": 4}  # of a number

# The training command's options that change no graph: the learning rate is a tensor, and where
# data comes from and goes to is no part of a step. The data's shape is, and is told apart. The
# device follows from the instance type.
NOT_IN_A_GRAPH = frozenset(
    {
        *("data", "out", "device", "steps", "seed", "learning-rate", "warmup-steps"),
        *("checkpoint-every", "keep", "grace", "usd-per-hour"),
    }
)


@dataclass(frozen=True, kw_only=True)
class Key:
    """Two compilations with equal keys may stand for each other; any difference forbids it.

    `route` is how workloads/compile/neuron.py goes about it. `lnc` is the physical cores per
    logical NeuronCore, None where the chip has no choice. `settings` are what a kind adds: the
    training command's options, its number of processes and its code.
    """

    kind: Kind
    route: str
    image: str
    sdk: str
    compiler: str
    target: str
    model_sha256: str = ""
    tensor_parallel: int = 1
    batch: int = 1
    sequence_length: int = 0
    dtype: str = "bfloat16"
    lnc: int | None = None
    flags: tuple[str, ...] = ()
    settings: dict[str, str] = field(default_factory=dict)

    @property
    def digest(self) -> str:
        """SHA-256 over every field, hex."""
        return hashlib.sha256(json.dumps(asdict(self), sort_keys=True).encode()).hexdigest()

    @property
    def name(self) -> str:
        """Its folder in a cache."""
        return f"{self.kind}/{self.digest}"

    @property
    def summary(self) -> str:
        """For people: enough to tell one key from another in a sentence."""
        parts = [f"{self.kind} for {self.target}"]
        if self.kind == "training":
            parts.append(" ".join(f"{name}={value}" for name, value in self.settings.items()))
        else:
            parts += [f"tensor parallel {self.tensor_parallel}", f"batch {self.batch}"]
            parts += [f"sequence {self.sequence_length}", self.dtype]
        return ", ".join([*parts, f"compiler {self.compiler}"])


def read_key(table: dict[str, Any]) -> Key:
    """A key as JSON has it. TypeError or KeyError: it is none."""
    return Key(**table | {"flags": tuple(table["flags"])})


def serving_key(
    tools: Toolchain,
    instance: str,
    model: Model,
    *,
    tensor_parallel: int | None = None,
    batch: int = 1,
    sequence_length: int | None = None,
    dtype: str | None = None,
    lnc: int | None = None,
    flags: tuple[str, ...] = (),
) -> Key:
    """The key of a model to serve; what is not given follows from the model and the type.

    A decoder takes as many cores as divide its heads and work together, an encoder one: replicas
    of a small model do more than its pieces. InputError: the model does not fit the type so.
    """
    hardware = instance_of(instance)
    assert hardware.chip
    default = hardware.chip.lnc
    if lnc is not None and (default is None or lnc not in (1, default)):
        raise InputError(f"{instance} has no logical NeuronCore configuration {lnc}; leave it out")
    lnc = lnc or default
    cores = hardware.kubernetes_resources(lnc)["aws.amazon.com/neuroncore"]
    degrees = DEGREES.get(tools.target, range(1, cores + 1))
    fitting = [n for n in degrees if n <= cores and model.heads % n == 0]
    if model.kind == "encoder":
        fitting = [1]
    chosen = tensor_parallel or fitting[-1]
    if chosen not in fitting:
        raise InputError(
            f"tensor parallel {chosen} does not fit: the {model.heads} heads of this {model.kind}"
            f" go to {', '.join(map(str, fitting))} of the {cores} cores of {instance}"
        )
    # Optimum takes the model's own: optimum/neuron/models/inference/modeling_utils.py of 0.4.5.
    own = model.dtype if tools.route == "optimum" and model.kind == "decoder" else None
    if own and dtype not in (None, own):
        raise InputError(
            f"{tools.image_name} compiles the model in the {own} of its config.json, not in {dtype}"
        )
    dtype = own or dtype or "bfloat16"
    weights = model.size * BYTES[dtype] / BYTES.get(model.dtype, 4) / 2**30
    memory = hardware.chip.hbm_gib / hardware.chip.cores * chosen * (lnc or 1)
    if weights >= memory:
        raise InputError(
            f"the model does not fit: its weights are {weights:,.1f} GiB in {dtype}, and {chosen}"
            f" cores of {instance} have {memory:,.0f} GiB; take a larger type"
        )
    length = sequence_length or model.context
    if length > model.context:
        raise InputError(
            f"sequence length {length} is more than the {model.context} positions of the model"
        )
    return Key(
        kind=model.kind,
        route=tools.route if model.kind == "decoder" else "trace",
        image=tools.image_name,
        sdk=tools.sdk,
        compiler=tools.compiler,
        target=tools.target,
        model_sha256=model.sha256,
        tensor_parallel=chosen,
        batch=batch,
        sequence_length=length,
        dtype=dtype,
        lnc=lnc,
        flags=flags,
    )


def training_key(
    tools: Toolchain,
    instance: str,
    *,
    nodes: int,
    options: dict[str, str],
    vocabulary: int,
    sequence_length: int,
    code_sha256: str,
    flags: tuple[str, ...] = (),
) -> Key:
    """The key of a training program's graphs on `nodes` of a type.

    `options` are the training command's without dashes. The number of nodes is in the graphs:
    their collectives name every rank.
    """
    hardware = instance_of(instance)
    lnc = hardware.chip.lnc if hardware.chip else None
    per_node = hardware.kubernetes_resources(lnc)["aws.amazon.com/neuroncore"]
    kept = {name: value for name, value in options.items() if name not in NOT_IN_A_GRAPH}
    return Key(
        kind="training",
        route="graphs",
        image=tools.image_name,
        sdk=tools.sdk,
        compiler=tools.compiler,
        target=tools.target,
        sequence_length=sequence_length,
        lnc=lnc,
        flags=flags,
        settings={
            **dict(sorted(kept.items())),
            "vocabulary": f"{vocabulary}",
            "processes": f"{nodes * per_node}",
            "code": code_sha256[:16],
        },
    )
