"""Which instance type a pool may name, and what is instead of those it may not.

A family of the hardware table is told by the table. This module knows the names that people give
and that no row of it can answer.
"""

import re

from stacks.config.errors import nearest
from workloads.hardware import INSTANCES

_TRN2 = "the nearest choice is trn2.48xlarge (Trainium2)"
_EPYC = "for AMD EPYC processors choose m8a, c8a or r8a"
_ULTRASERVERS = "whose instances must be scheduled as one, which this deployment does not do"

# Pattern of a name in lower case -> what to say of it; the first that fits. Sources: EC2's API and
# AWS's price list of 2026-10, which have no Trainium3 or Trainium4 type; the EC2 user guide,
# "Amazon EC2 UltraServers"; the EKS user guide, ml-eks-nvidia-ultraserver; the Neuron
# documentation, trn2-arch.rst and deploy/eks/ultraserver.rst; the EC2 instance type guide.
_REFUSED = {
    r"instinct|\bmi ?\d{3}": f"AWS rents no AMD Instinct accelerator; {_TRN2}, and {_EPYC}",
    r"^g4ad\b": "its AMD Radeon Pro V520 is made for graphics, and AWS rents no AMD Instinct "
    f"accelerator; {_TRN2}",
    r"trainium[ -]?3|trn3": "EC2 rents no Trainium3 instance type by name: it comes in "
    f"UltraServers, {_ULTRASERVERS}; {_TRN2}",
    r"trainium[ -]?4|trn4": f"AWS does not rent Trainium4; {_TRN2}",
    r"trn2u|trn2 ?-?ultra": "it is sold as a part of a Trn2 UltraServer of four, through Capacity "
    f"Blocks for UltraServers, {_ULTRASERVERS}; choose trn2.48xlarge, which has the same sixteen "
    "chips",
    r"gb[23]00|p6e": "it is sold as a part of an UltraServer with Arm processors, through Capacity "
    f"Blocks for UltraServers, {_ULTRASERVERS}; choose p6-b200.48xlarge or p6-b300.48xlarge",
    r"inferentia[ -]?3|inf3": "AWS rents no Inferentia3; the nearest choices are inf2.48xlarge "
    "(Inferentia2) and trn2.48xlarge (Trainium2)",
    r"^dl\d|gaudi": "its accelerator is Intel's or Qualcomm's, which no workload here runs on; "
    f"{_TRN2}",
    # A letter g after the generation is Graviton: m8g, c7gn, hpc7g, g5g; a1 was the first.
    r"^([a-z]+\d+g[a-z]*|a1)(\.|$)|graviton": "it has an Arm processor, and the node images and "
    f"containers here are x86-64; {_EPYC}",
}


def known_instance(name: str) -> str:
    """The name of an instance type that a pool may have; ValueError says what is instead."""
    for pattern, sentence in _REFUSED.items():
        if re.search(pattern, name.lower()):
            raise ValueError(sentence)
    if name not in INSTANCES:
        raise ValueError(f"not an instance type of the hardware table; {_meant(name.lower())}")
    return name


def _meant(name: str) -> str:
    """What somebody probably meant by a name in lower case that the table does not have."""
    if name.startswith("ml."):
        return f"names with ml. are SageMaker's, EC2's is {name.removeprefix('ml.')}"
    family, _, size = name.partition(".")
    sizes = [known for known in INSTANCES if known.partition(".")[0] == family]
    # A size with the same number is a slip of the finger; another one is a size there is not.
    alike = [known for known in sizes if _number(known.partition(".")[2]) == _number(size)]
    if close := nearest(name, alike):
        return f"did you mean {close}?"
    if sizes:
        return f"{family} comes as {', '.join(sizes)}"
    families = dict.fromkeys(i.family for i in INSTANCES.values() if not refused(i.family))
    near = [known for known in families if _kind(known) == _kind(family)]
    return (
        f"known {'of its kind' if near else 'families'}: {', '.join(near or families)} "
        "(`python -m operations.catalog --family F` adds a family of EC2)"
    )


def _number(size: str) -> str:
    return "".join(re.findall(r"\d", size))


def _kind(family: str) -> str:
    """The letters a family begins with, which tell its purpose: "trn", "p", "m"."""
    return re.sub(r"[^a-z].*", "", family)


def refused(name: str) -> bool:
    """Whether no pool may have the type or family, whatever the hardware table says of it."""
    return any(re.search(pattern, name.lower()) for pattern in _REFUSED)
