import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from workloads.artefacts.key import serving_key
from workloads.artefacts.model import Model
from workloads.artefacts.toolchain import toolchain
from workloads.command import InputError
from workloads.compile import jobs
from workloads.compile.jobs import (
    QUEUE_GIB,
    check_room,
    collect_job,
    compile_job,
    serving_gib,
)
from workloads.jobs.images import image, images
from workloads.jobs.job import Part
from workloads.jobs.pool import Pool
from workloads.jobs.render import render

MODEL = Model(
    sha256="ab" * 32,
    architecture="LlamaForCausalLM",
    model_type="llama",
    heads=32,
    context=8192,
    dtype="bfloat16",
    pad_token=2,
    size=16_060_000_000,  # Llama 3.1 8B
)
PLACE = {"registry": "registry", "images": "dev/workloads"}
EPYC = Pool(name="epyc", instance_type="m7a.48xlarge", max_nodes=4, **PLACE)
TRN1 = Pool(name="trn1", instance_type="trn1.32xlarge", max_nodes=4, efa=True, **PLACE)


def container(body):
    spec = body["spec"]
    if body["kind"] == "JobSet":
        spec = spec["replicatedJobs"][0]["template"]["spec"]
    (only,) = spec["template"]["spec"]["containers"]
    return only


def test_an_8b_model_asks_for_more_than_the_host_it_was_killed_on():
    assert serving_gib(MODEL) > 32  # GiB: aws-neuron-sdk#1222


def test_a_compilation_runs_on_a_cpu_pool_in_the_pinned_image():
    tools = toolchain("inf2.48xlarge", "serve")
    key = serving_key(tools, "inf2.48xlarge", MODEL)

    main = container(render(compile_job(key, tools, ("--cache", "s3://b/c"), memory_gib=70), EPYC))

    built_on = tools.image.rpartition("/")[2].replace(":", "-")
    assert main["image"].startswith(f"registry/dev/workloads:compile-{built_on}-")
    assert main["command"][1:4] == ["-m", "workloads.compile", "run"]
    assert main["resources"]["requests"]["memory"] == "70Gi"
    assert not any("neuron" in name for name in main["resources"]["requests"])


def test_graphs_are_collected_on_the_whole_gang_around_torchrun(local):
    tools = toolchain("trn1.32xlarge", "train")
    key = local.key("training", flags=("-O2",))

    job = collect_job(
        key, tools, "trn1.32xlarge", nodes=4, cache="s3://b/c/", options=("--model", "tiny")
    )
    body = render(job, TRN1)

    main = container(body)
    command = main["command"]
    assert body["kind"] == "JobSet"
    assert command[:3] == ["neuron_parallel_compile", "--command", "collect"]
    assert {"--nnodes=4", "--nproc-per-node=32"} <= set(command)
    assert command[-6:] == ["--device", "xla", "--model", "tiny", "--steps", "2"]
    told = {each["name"]: each["value"] for each in main["env"]}
    assert told["NEURON_COMPILE_CACHE_URL"] == f"s3://b/c/{key.name}"
    assert told["NEURON_CC_FLAGS"] == "-O2"
    assert main["resources"]["limits"]["aws.amazon.com/neuron"] == "16"


def test_the_queue_is_compiled_by_the_compiler_of_the_image_that_collected_it(local):
    tools = toolchain("trn1.32xlarge", "train")
    key = local.key("training")

    collect = collect_job(key, tools, "trn1.32xlarge", nodes=2, cache="s3://b/c", options=())
    queue = compile_job(key, tools, ("--cache", "s3://b/c"), memory_gib=QUEUE_GIB)

    assert {one.name: one.base for one in images("")}[collect.image] == tools.image
    assert {one.name: one.base for one in images("")}[queue.image] == tools.image
    assert container(render(collect, TRN1))["image"] == image(TRN1)
    assert collect.name != queue.name
    render(queue, EPYC)


@pytest.mark.parametrize(
    ("pool", "part", "said"),
    [
        ("m7a.4xlarge", Part(cpus=8, memory_gib=50), None),
        ("m7a.4xlarge", Part(cpus=8, memory_gib=64), "m7a.8xlarge would do"),
        ("m7a.2xlarge", Part(cpus=8, memory_gib=8), "m7a.4xlarge would do"),
        ("m7a.48xlarge", Part(cpus=8, memory_gib=5000), "take a family with more memory"),
        ("m7a.5xlarge", Part(cpus=8, memory_gib=8), "is no known instance type"),
    ],
)
def test_a_node_without_the_memory_is_refused(pool, part, said):
    if said is None:
        check_room(pool, part)
    else:
        with pytest.raises(InputError, match=said):
            check_room(pool, part)


def test_a_bigger_model_asks_for_more():
    assert serving_gib(replace(MODEL, size=2 * MODEL.size)) > serving_gib(MODEL)


def test_the_dockerfile_has_what_the_jobs_call():
    text = (Path(jobs.__file__).parent / "Dockerfile").read_text()

    assert "uv venv --python 3.12 /opt/project " in text
    assert jobs.RUN[0] == "/opt/project/bin/python"
    (boto3,) = re.findall(r"boto3==[\d.]+", text)
    assert boto3 in (Path(jobs.__file__).parents[1] / "requirements-cpu.txt").read_text()


def test_the_images_need_no_package_but_the_dockerfiles():
    program = (
        "import sys, workloads.compile.__main__, workloads.files\n"
        "roots = {name.partition('.')[0] for name in sys.modules}\n"
        "print(*sorted(roots - set(sys.stdlib_module_names) - {'workloads'}))"
    )

    # -S: without what a site puts into every interpreter
    found = subprocess.run(
        [sys.executable, "-S", "-c", program], capture_output=True, text=True, check=True,
        cwd=Path(jobs.__file__).parents[2],
    )  # fmt: skip

    assert found.stdout.split() == ["__main__"]
