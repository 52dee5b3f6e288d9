"""Which artefacts serving and training will need, and which of them are compiled already."""

from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from typing import Any

from workloads.artefacts.key import Key, serving_key
from workloads.artefacts.model import read_model
from workloads.artefacts.store import READY, state
from workloads.artefacts.toolchain import toolchain
from workloads.artefacts.training import key_of_run
from workloads.command import InputError
from workloads.compile.jobs import (
    QUEUE_GIB,
    check_room,
    collect_job,
    compile_job,
    serving_gib,
)
from workloads.dataset import read_dataset
from workloads.files import open_folder
from workloads.jobs.job import Job


@dataclass(frozen=True, kw_only=True)
class Request:
    """What is asked for, as the command has it; None and empty: as the model and the type say."""

    cache: str
    model: str = ""
    serve_on: tuple[str, ...] = ()
    tensor_parallel: int | None = None
    batch: int = 1
    sequence_length: int | None = None
    dtype: str | None = None
    lnc: int | None = None
    flags: tuple[str, ...] = ()
    train_on: tuple[str, ...] = ()
    nodes: int = 1
    data: str = ""
    train_options: tuple[str, ...] = ()
    pods: int = 1  # that share the graphs of one training program
    compile_on: str = ""
    memory_gib: int | None = None
    region: str = ""


@dataclass(frozen=True, kw_only=True)
class Row:
    """One artefact: what needs it, whether it is ready, and the jobs that make it, in order."""

    instance: str
    key: Key
    state: str
    why: str
    base_image: str  # what the image of the jobs on CPUs is built on
    jobs: tuple[Job, ...]
    model: str
    model_type: str
    pad_token: int

    def to_json(self) -> dict[str, Any]:
        return {
            "instance": self.instance,
            "name": self.key.name,
            "key": asdict(self.key),
            "state": self.state,
            "why": self.why,
            "base_image": self.base_image,
            "jobs": [asdict(job) for job in self.jobs] if self.state != READY else [],
        }


def plan(request: Request, say: Callable[[str], None]) -> list[Row]:
    """A row for each type to serve or to train on. InputError: nothing can be compiled so."""
    if not request.serve_on and not request.train_on:
        raise InputError("nothing to compile for: give --serve-on TYPE or --train-on TYPE")
    rows = _serving(request, say) if request.serve_on else []
    rows += [_training(request, instance) for instance in request.train_on]
    if request.compile_on:
        for job in (job for row in rows for job in row.jobs if job.part):
            assert job.part
            check_room(request.compile_on, job.part)
    return rows


def _serving(request: Request, say: Callable[[str], None]) -> list[Row]:
    if not request.model:
        raise InputError("--serve-on needs --model: a Hugging Face folder")
    model = read_model(open_folder(request.model), say)
    cache = open_folder(request.cache)
    rows = []
    for instance in request.serve_on:
        tools = toolchain(instance, "serve", region=request.region)
        key = serving_key(
            tools,
            instance,
            model,
            tensor_parallel=request.tensor_parallel,
            batch=request.batch,
            sequence_length=request.sequence_length,
            dtype=request.dtype,
            lnc=request.lnc,
            flags=request.flags,
        )
        found, why = state(cache, key)
        job = compile_job(
            key,
            tools,
            _serving_arguments(request, instance, key),
            memory_gib=request.memory_gib or serving_gib(model),
        )
        rows.append(
            Row(
                instance=instance, key=key, state=found, why=why, base_image=tools.image,
                jobs=(job,), model=request.model, model_type=model.model_type,
                pad_token=model.pad_token,
            )
        )  # fmt: skip
    return rows


def _training(request: Request, instance: str) -> Row:
    if not request.data:
        raise InputError("--train-on needs --data: the prepared data set, for its shape")
    dataset = read_dataset(open_folder(request.data))
    tools = toolchain(instance, "train")
    key = key_of_run(
        instance,
        nodes=request.nodes,
        options=request.train_options,
        dataset=dataset,
        flags=request.flags,
    )
    found, why = state(open_folder(request.cache), key)
    scratch = f"{request.cache.rstrip('/')}/collecting/{key.digest}"  # a run's --out, for nothing
    options = ("--data", request.data, "--out", scratch, *request.train_options)
    collect = collect_job(
        key,
        tools,
        instance,
        nodes=request.nodes,
        cache=request.cache,
        options=options,
    )
    of = ("--of", f"{request.pods}") if request.pods > 1 else ()
    arguments = (
        *(*of, "--cache", request.cache, "--train-on", instance, "--nodes", f"{request.nodes}"),
        *(f"--flag={flag}" for flag in key.flags),
        *("--data", request.data, "--", *request.train_options),
    )
    memory_gib = request.memory_gib or QUEUE_GIB
    queue = compile_job(key, tools, arguments, memory_gib=memory_gib, pods=request.pods)
    return Row(
        instance=instance, key=key, state=found, why=why, base_image=tools.image,
        jobs=(collect, queue), model="", model_type="", pad_token=0,
    )  # fmt: skip


def keys_of(rows: Iterable[Row]) -> list[Key]:
    return [row.key for row in rows]


def _serving_arguments(request: Request, instance: str, key: Key) -> tuple[str, ...]:
    """What `run` is told to make this very key, whatever its defaults will be."""
    return (
        *("--cache", request.cache, "--model", request.model, "--serve-on", instance),
        *("--tensor-parallel", f"{key.tensor_parallel}", "--batch", f"{key.batch}"),
        *("--sequence-length", f"{key.sequence_length}", "--dtype", key.dtype),
        *(("--lnc", f"{key.lnc}") if key.lnc else ()),
        *(f"--flag={flag}" for flag in key.flags),
    )
