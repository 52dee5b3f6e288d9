"""What user data tells a node to do, as far as text tells it."""

import re
from collections.abc import Iterator

# Commands that fetch software. The metadata service, S3 and other AWS endpoints are reached
# without a way to the internet, so a download from them is none; EFA's installer has its own host.
_INSTALLS = re.compile(
    r"efa_installer\.sh|\b(?:curl|wget)\b.*efa-installer"
    r"|\b(?:yum|dnf|apt|apt-get)\s+(?:-\S+\s+)*(?:install|localinstall|update|upgrade)\b"
    r"|\bpip3?\s+install\b"
    r"|\bgit\s+clone\b"
    r"|\b(?:curl|wget)\b.*https?://(?!169\.254\.|\[?fd00|[^/\s]*amazonaws\.com)"
)
_CLUSTER = re.compile(r"^\s*-?\s*(apiServerEndpoint|certificateAuthority)\s*:", re.MULTILINE)
_LNC = re.compile(r"NEURON_LOGICAL_NC_CONFIG\s*=\s*(\S+?)[\"']?(?:\s|$)")


class UserData:
    """Plain text in any of user data's forms: MIME, a script, or cloud-config."""

    def __init__(self, text: str) -> None:
        self.text = text
        lines = [line for line in text.splitlines() if not line.lstrip().startswith("#")]
        self._code = "\n".join(lines)

    @property
    def is_mime(self) -> bool:
        return "content-type: multipart/" in self.text.lower()

    @property
    def has_node_config(self) -> bool:
        return bool(re.search(r"^kind:\s*NodeConfig\b", self._code, re.MULTILINE))

    @property
    def cluster_key(self) -> str | None:
        """A key by which a NodeConfig names the cluster."""
        found = _CLUSTER.search(self._code)
        return found[1] if found else None

    @property
    def bootstrap_script(self) -> bool:
        """Whether it calls the script that Amazon Linux 2's images had."""
        return "/etc/eks/bootstrap.sh" in self._code

    @property
    def array_of_local_disks(self) -> bool:
        return bool(re.search(r"strategy:\s*[\"']?RAID(0|10)\b", self._code))

    @property
    def logical_cores(self) -> str | None:
        """The logical NeuronCore configuration it writes for the device plugin."""
        found = _LNC.search(self._code)
        return found[1] if found else None

    @property
    def reserves_hugepages(self) -> bool:
        return bool(re.search(r"nr_hugepages|hugepagesz?=|hugepages-2Mi", self._code))

    def installs(self) -> Iterator[str]:
        """Each command that fetches software, as it stands."""
        for line in self._code.splitlines():
            if _INSTALLS.search(line):
                yield line.strip()
        if re.search(r"^packages:\s*$", self._code, re.MULTILINE):
            yield "packages:"
