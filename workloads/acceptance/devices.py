"""The devices of this node, as `neuron-ls` sees them."""

import json
import subprocess

from workloads.command import StageError
from workloads.hardware import Instance


def check_devices(hardware: Instance) -> int:
    """How many there are; StageError: not all, or the driver does not answer."""
    try:
        answer = subprocess.run(["neuron-ls", "-j"], capture_output=True, text=True, check=False)
    except OSError as error:
        raise StageError(f"neuron-ls cannot be started: {error.strerror}") from error
    try:
        found = len(json.loads(answer.stdout))
    except (ValueError, TypeError):
        said = " ".join((answer.stderr or answer.stdout).split())[:300]
        raise StageError(f"neuron-ls found no device: {said or 'it said nothing'}") from None
    if found != hardware.chips:
        raise StageError(
            f"this node has {found} of {hardware.chips} devices of {hardware.name}; replace it"
        )
    return found
