import re
from pathlib import Path

import pytest

import workloads
from workloads.version_rules import RULES
from workloads.versions import VERSIONS, read

TEXT = (Path(workloads.__file__).parent / "versions.toml").read_text("utf-8")
NODES = "# Kubernetes version -> releases"

# What to change in versions.toml, and what is then said. The first edit that fits is made once, in
# the row whose families or chart stand in `row`.
BROKEN = {
    "runtime 2.32 needs driver 2.27": (
        NODES,
        r'(?s)(\[kubernetes\."1\.36"\.neuron_ami\]\n).*?\n\n',
        '\\1"1.36.2-20260618" = { driver = "2.26.10.0", efa = "3.0.0" }\n\n',
        "trn2, serve, Kubernetes 1.36, node image 1.36.2-20260618: "
        "runtime 2.33.10.0, driver 2.26.10.0: runtime >= 2.32 needs "
        "driver >= 2.27, or applications fail to initialise",
    ),
    "no image before driver 2.29": (
        NODES,
        r'"1\.36\.2-20260618" = .*\n',
        "",
        "trn1, train, Kubernetes 1.36, node image 1.36.2-20260714: "
        "driver 2.29.0.0, runtime 2.30.51.0: driver >= 2.29 needs "
        "runtime >= 2.33, or nrt_init() fails",
    ),
    "the ENA driver of the image between the two": (
        NODES,
        'ena = "2.16.1"',
        'ena = "2.17.0"',
        "Kubernetes 1.34, node image 1.34.9-20260618: ena 2.17.0: ena >= 2.17 needs ena >= 2.17.2, "
        "or the kernel panics when a network interface is detached",
    ),
    "the new vLLM plugin on Inf2": (
        '["inf2"]',
        r'vllm = "0.13.0", vllm-neuron = "0.4.1"',
        'vllm = "0.21.0", vllm-neuron = "0.21.0.1.0.0"',
        "inf2, serve: vllm-neuron 0.21.0.1.0.0, family inf2: vllm-neuron >= 0.21 needs family "
        "other than trn1 or trn1n or inf2, or",
    ),
    "NxD Inference of 2.29 on Inf2": (
        '["inf2"]',
        'neuronx-distributed-inference = "0.8.16251"',
        'neuronx-distributed-inference = "0.10.18399"',
        "inf2, serve: neuronx-distributed-inference 0.10.18399, family inf2:",
    ),
    "NKI 0.3 on Trn1": (
        '["trn1", "trn1n"]',
        'nki = "0.2.0"',
        'nki = "0.3.0"',
        "trn1, train: nki 0.3.0, family trn1: nki >= 0.3 needs family",
    ),
    "native PyTorch on Trn1": (
        '["trn1", "trn1n"]',
        'torch-neuronx = "2.9.0.2.12.22436"',
        'torch-neuronx = "2.13.3.0"',
        "trn1, train: torch-neuronx 2.13.3.0, family trn1: torch-neuronx >= 2.10 needs family",
    ),
    "PyTorch/XLA training on SDK 2.30": (
        '["trn1", "trn1n"]',
        r'(?s)"2\.28\.0"(.*?)sdk2\.28\.0',
        '"2.30.0"\\1sdk2.30.0',
        "trn1, train: use train, torch-neuronx 2.9.0.2.12.22436, sdk 2.30.0: ",
    ),
    "Python 3.10 on SDK 2.31": (
        '["trn2", "trn2u"]',
        'python = "3.13.13"',
        'python = "3.10.14"',
        "trn2, serve: sdk 2.31.1, python 3.10.14: sdk >= 2.30 needs python >= 3.11",
    ),
    "JAX 0.7 on SDK 2.31": (
        '["trn2", "trn2u"]',
        'python = "3.13.13"',
        'python = "3.13.13", jax = "0.7.0"',
        "trn2, serve: sdk 2.31.1, jax 0.7.0: sdk >= 2.30 needs jax >= 0.9",
    ),
    "an image of another SDK": (
        '["trn2", "trn2u"]',
        "sdk2.31.1",
        "sdk2.32.0",
        "trn2, serve: image-sdk 2.32.0, sdk 2.31.1: image-sdk needs sdk the same as image-sdk",
    ),
    "PyTorch 2.9 on Amazon Linux 2023": (
        '["inf2"]',
        "ubuntu24.04",
        "amzn2023",
        "inf2, serve: torch-neuronx 2.9.0.2.12.22436, glibc 2.34: torch-neuronx >= 2.9 needs "
        "glibc >= 2.35",
    ),
    "vLLM beside the plugin that pins it": (
        '["inf2"]',
        'vllm = "0.13.0"',
        'vllm = "0.16.0"',
        "inf2, serve: vllm-neuron 0.4.1, vllm 0.16.0, torch-neuronx 2.9.0.2.12.22436: vllm-neuron "
        ">= 0.4.1, < 0.5 needs vllm >= 0.13, < 0.14",
    ),
    "transformers 5 beside NxD Inference": (
        '["inf2"]',
        'transformers = "4.57"',
        'transformers = "5.2"',
        "inf2, serve: neuronx-distributed-inference 0.8.16251, transformers 5.2:",
    ),
    "transformers 4.55 beside vLLM": (
        "[sagemaker]",
        'transformers = "4.57"',
        'transformers = "4.55"',
        "SageMaker, inf2: vllm 0.11.0, transformers 4.55:",
    ),
    "transformers 4.57 beside NxD Training": (
        '["trn1", "trn1n"]',
        'transformers = "4.56"',
        'transformers = "4.57"',
        "trn1, train: neuronx-distributed-training 1.7.0, transformers 4.57:",
    ),
    "Python 3.12 beside Optimum Neuron": (
        "[sagemaker]",
        'python = "3.10"',
        'python = "3.12"',
        "SageMaker, inf2: optimum-neuron 0.4.5, transformers 4.57, python 3.12:",
    ),
    "the DRA driver before Kubernetes 1.34.2": (
        NODES,
        r"1\.34\.9-",
        "1.34.1-",
        "Kubernetes 1.34, node image 1.34.1-20260618: "
        "neuron-dra-driver 1.1.0, kubernetes 1.34, node 1.34.1: neuron-dra-driver "
        "needs kubernetes >= 1.34 and node >= 1.34.2",
    ),
    "an autoscaler of another Kubernetes": (
        "[charts.cluster-autoscaler]",
        "cluster-autoscaler:v1.36.1",
        "cluster-autoscaler:v1.35.2",
        "Kubernetes 1.36: kubernetes 1.36, cluster-autoscaler 1.35.2: kubernetes needs "
        "cluster-autoscaler of the same minor version as kubernetes, or",
    ),
    "a scheduler of another Kubernetes": (
        "[charts.neuron]",
        "v1.36.2-eks-1-36-7",
        "v1.31.12-eks-1-31-30",
        "Kubernetes 1.36: kubernetes 1.36, kube-scheduler 1.31.12:",
    ),
    "Kueue on an old Kubernetes": (
        NODES,
        r'\[kubernetes\."1\.34"\.neuron_ami\]',
        '[kubernetes."1.28".neuron_ami]',
        "Kubernetes 1.28: kueue 0.19.5, kubernetes 1.28: kueue needs kubernetes >= 1.29",
    ),
    "JobSet on an old Kubernetes": (
        NODES,
        r'\[kubernetes\."1\.34"\.neuron_ami\]',
        '[kubernetes."1.26".neuron_ami]',
        "Kubernetes 1.26: jobset 0.12.0, kubernetes 1.26: jobset needs kubernetes >= 1.27",
    ),
    "an EFA plugin that does not know Trn2": (
        "[charts.efa-device-plugin]",
        "aws-efa-k8s-device-plugin:v0.5.20",
        "aws-efa-k8s-device-plugin:v0.5.4",
        "trn2, train, Kubernetes 1.34, node image 1.34.9-20260714: "
        "family trn2, aws-efa-k8s-device-plugin 0.5.4:",
    ),
}


def conflicts(row, pattern, instead):
    """What is said of a copy of versions.toml with one thing changed behind `row`."""
    before, mark, rest = TEXT.partition(row)
    rest, edits = re.subn(pattern, instead, rest, count=0 if row == NODES else 1)
    assert mark and edits
    return read(before + mark + rest).conflicts()


def test_nothing_in_the_table_conflicts():
    assert VERSIONS.conflicts() == []


@pytest.mark.parametrize(("row", "pattern", "instead", "said"), BROKEN.values(), ids=BROKEN)
def test_a_copy_that_breaks_a_rule_is_told_so(row, pattern, instead, said):
    sentences = conflicts(row, pattern, instead)

    assert [s for s in sentences if s.startswith(said)], sentences
    assert all(re.search(r" needs .*, or .* \(.+\)$", s) for s in sentences)


def test_every_rule_has_a_copy_that_breaks_it():
    said = {
        s for row, pattern, instead, _ in BROKEN.values() for s in conflicts(row, pattern, instead)
    }

    unbroken = [r for r in RULES if not any(f"{r.otherwise} ({r.source})" in s for s in said)]

    assert unbroken == []
