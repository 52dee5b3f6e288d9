"""What a pod is told by its environment, each variable with its source. Not run on hardware."""

from collections.abc import Mapping

from workloads.command import InputError
from workloads.jobs.job import Job
from workloads.jobs.pool import Pool

INDEX = "JOB_COMPLETION_INDEX"  # Kubernetes sets it in each pod of an indexed Job, from 0
FIRST, PORT = "MASTER_ADDR", "MASTER_PORT"  # where the pods of a gang meet

# The port that AWS's samples take (aws-neuron-samples, torch-neuronx/training/aws-batch,
# all-reduce/docker/allreduce.sh), and those of Neuron's own launchers (aws-neuron-sdk,
# frameworks/torch/torch-neuronx/setup-trn1-multi-node-execution.rst). All lie where the kernel
# picks ports for outgoing connections, so it is told to leave them; a pod may say so itself since
# Kubernetes 1.27 (kubernetes.io, Pod Security Standards, baseline).
RENDEZVOUS_PORT = 41000
RESERVED_PORTS = f"{RENDEZVOUS_PORT},44000,48620"
# nccom-test's bootstrap: aws-k8s-tester, test/cases/neuron/manifests/multi-node-test-neuron.yaml.
COLLECTIVES_PORT = 63182

# What is left out on purpose: FI_EFA_FORK_SAFE, which only kernels before 5.15 need
# (neuron-runtime/nrt-troubleshoot.rst), NEURON_RT_ASYNC_EXEC_MAX_INFLIGHT_REQUESTS, which SDK 2.31
# removed, and NEURON_RT_ROOT_COMM_ID, which torch_neuronx sets under torchrun.
_EVERYWHERE = {"PYTHONUNBUFFERED": "1"}  # a pod's log shows what happens now
_EFA = {
    # setup-trn1-multi-node-execution.rst; the second is for libfabric before 1.18, harmless after.
    "FI_PROVIDER": "efa",
    "FI_EFA_USE_DEVICE_RDMA": "1",
}
_NEURON = {
    # A compiled graph is checked before it is loaded: nrt-configurable-parameters.rst.
    "NEURON_RT_VALIDATE_HASH": "TRUE",
    # Without it each of many threads keeps free memory for itself: allreduce.sh, as above.
    "MALLOC_ARENA_MAX": "64",
}
# The pod's one interface, whatever the node has: multi-node-test-neuron.yaml, as above.
_NEURON_GANG = {"CCOM_SOCKET_IFNAME": "eth0"}
_LOGICAL_CORES = "NEURON_LOGICAL_NC_CONFIG"  # neuron-features/logical-neuroncore-config.rst


def variables(job: Job, pool: Pool) -> dict[str, str]:
    """The environment of each pod, but for what Kubernetes adds; the job's own goes last."""
    told = dict(_EVERYWHERE)
    if job.gang and pool.efa and job.pods > 1:
        told |= _EFA
    if pool.hardware.neuron:
        told |= _NEURON
        if job.gang and job.pods > 1:
            told |= _NEURON_GANG
        if pool.hardware.chip and (lnc := pool.lnc or pool.hardware.chip.lnc):
            told[_LOGICAL_CORES] = str(lnc)
    if job.gang:
        told |= {FIRST: first_pod(job), PORT: str(RENDEZVOUS_PORT)}
    return told | dict(job.environment)


def first_pod(job: Job) -> str:
    """The name of a gang's first pod in the headless service that JobSet makes for it.

    kubernetes-sigs/jobset, docs: JOBSET-REPLICATEDJOB-JOB-POD.SUBDOMAIN, the last of which is the
    JobSet's name.
    """
    return f"{job.name}-{REPLICATED_JOB}-0-0.{job.name}"


def own_index(given: int | None, of: int, told: Mapping[str, str]) -> int:
    """Which of `of` tasks this is: `given`, or as Kubernetes has `told` it. InputError."""
    index = given
    if index is None and of > 1:
        text = told.get(INDEX, "")
        if not text.isdecimal():
            raise InputError(f"--of needs --index, or an indexed Job's {INDEX}")
        index = int(text)
    if (index or 0) >= of:
        raise InputError(f"--index {index} is not below --of {of}")
    return index or 0


REPLICATED_JOB = "node"  # the one kind of pod in a gang
LAUNCHER = "workloads.train.launch"  # torchrun, whose exit code tells whether to try again


def command(job: Job) -> tuple[str, ...]:
    """What a pod runs. $(NAME) stands for an environment variable, as Kubernetes writes it.

    Nodes have their rank from the pod's index, so that it outlives restarts, which are JobSet's to
    do: torchrun's own would restart one node of many.
    """
    if job.processes is None:
        return job.command
    return (
        "python", "-m", LAUNCHER,
        f"--nnodes={job.pods}", f"--nproc-per-node={job.processes}", f"--node-rank=$({INDEX})",
        f"--master-addr=$({FIRST})", f"--master-port=$({PORT})",
        *job.command,
    )  # fmt: skip
