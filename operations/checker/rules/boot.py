"""What a node boots with: user data, disk, the metadata service."""

from collections.abc import Iterator

from operations.checker.deployment import Deployment
from operations.checker.registry import Found, rule
from operations.checker.values import boolean, given, integer, listing, mapping, string
from operations.checker.views.node_groups import NodeGroup

_LAUNCH_TEMPLATES = "https://docs.aws.amazon.com/eks/latest/userguide/launch-templates.html"
_CONTROLS = "https://docs.aws.amazon.com/controltower/latest/controlreference/ec2-rules.html"
_ROOT = ("/dev/xvda", "/dev/sda1")
_LEAST_GIB = 100  # an operating system, two images of 10-20 GB, and a compiler's working folder
_DEFAULT_GIB = 20  # DiskSize of a managed node group, where nothing else is said


@rule(
    "one-place",
    "F",
    title="A setting stands in the node group or in its launch template, not in both",
    without='EKS refuses the node group: "Cannot specify instance types in launch template and API '
    'request".',
    sources=[
        _LAUNCH_TEMPLATES,
        "https://github.com/terraform-aws-modules/terraform-aws-eks/issues/1545",
    ],
)
def one_place(group: NodeGroup, _: Deployment) -> Iterator[Found]:
    if not group.managed or group.boot == group.resource:
        return
    own = group.resource.properties
    twice = {
        "InstanceTypes": given(group.data.get("InstanceType")) and group.market != "capacity-block",
        "DiskSize": True,
        "RemoteAccess": True,
        "AmiType": given(group.data.get("ImageId")) and own.get("AmiType") != "CUSTOM",
        "ReleaseVersion": given(group.data.get("ImageId")),
    }
    for key, prohibited in twice.items():
        if prohibited and given(own.get(key)):
            yield Found(
                group.resource,
                f"{key} is given beside a launch template",
                "leave it to the launch template",
            )


@rule(
    "user-data-mime",
    "F",
    title="User data of a managed group with EKS's own image is MIME",
    without="EKS merges its own part into it and refuses anything else.",
    sources=[_LAUNCH_TEMPLATES],
)
def user_data_mime(group: NodeGroup, _: Deployment) -> Iterator[Found]:
    data = group.user_data
    if data and (group.ami_type or "").startswith("AL2") and not data.is_mime:
        yield Found(
            group.boot,
            "UserData is no MIME message",
            "make it a multipart/mixed message whose parts are the script and the NodeConfig",
        )


@rule(
    "user-data-cluster",
    "F",
    title="User data names the cluster with an image of one's own, and only then",
    without="With EKS's image the two parts disagree; with one's own, nodeadm has no cluster to "
    "join. The bootstrap script of Amazon Linux 2 is not on Amazon Linux 2023.",
    sources=[
        _LAUNCH_TEMPLATES,
        "https://awslabs.github.io/amazon-eks-ami/nodeadm/",
    ],
)
def user_data_cluster(group: NodeGroup, _: Deployment) -> Iterator[Found]:
    data = group.user_data
    if data is None:
        return
    if group.ami_type is not None and data.cluster_key:
        yield Found(
            group.boot,
            f"UserData has {data.cluster_key}, and EKS chooses the image",
            "leave the cluster out of the NodeConfig; EKS adds it",
        )
    if (group.ami_type or "").startswith("AL2023") and data.bootstrap_script:
        yield Found(
            group.boot,
            "UserData calls /etc/eks/bootstrap.sh, which the image does not have",
            "leave it out, and put settings of the kubelet into a NodeConfig",
        )
    alone = group.grouped and given(group.data.get("ImageId"))
    if alone and data.has_node_config and not data.cluster_key:
        yield Found(
            group.boot,
            "ImageId is given, and the NodeConfig in UserData names no cluster",
            "give it spec.cluster: name, apiServerEndpoint, certificateAuthority and cidr",
        )


@rule(
    "user-data-installs",
    "F",
    title="User data installs nothing",
    without="A private cluster's nodes never join, and others join minutes later with versions of "
    "the day; EKS's images have the EFA and accelerator drivers already.",
    sources=[
        "https://github.com/awslabs/amazon-eks-ami/blob/main/templates/al2023/provisioners/"
        "install-efa.sh",
        "https://docs.aws.amazon.com/eks/latest/userguide/private-clusters.html",
    ],
)
def user_data_installs(group: NodeGroup, _: Deployment) -> Iterator[Found]:
    commands = list(group.user_data.installs()) if group.user_data else []
    if commands:
        more = f" and {len(commands) - 1} more" if len(commands) > 1 else ""
        yield Found(
            group.boot,
            f"UserData has: {commands[0][:100]}{more}",
            "leave it out, or build an image of your own that has it",
        )


@rule(
    "root-volume-size",
    "H",
    title=f"A node with accelerators has {_LEAST_GIB} GiB for images, or its local disks",
    without="Images of 10-20 GB and the compiler's working folder fill a disk of default size: "
    "pods are evicted, or never start.",
    sources=[
        "https://github.com/aws-neuron/aws-neuron-eks-samples/blob/master/dp_bert_hf_pretrain/cfn/"
        "eks_trn2_ng_stack_al2023.yaml",
        "https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/"
        "aws-resource-eks-nodegroup.html",
    ],
)
def root_volume_size(group: NodeGroup, _: Deployment) -> Iterator[Found]:
    hardware = [instance for instance in group.hardware if instance.chip]
    if not hardware or not group.grouped:
        return
    on_disks = group.user_data is not None and group.user_data.array_of_local_disks
    if on_disks and all(instance.local_nvme_gb for instance in hardware):
        return
    size = _root_gib(group)
    if size is not None and size < _LEAST_GIB:
        yield Found(
            group.boot,
            f"the root volume of {hardware[0].name} has {size} GiB",
            f"give it {_LEAST_GIB} GiB or more, 512 for Trainium",
        )


@rule(
    "volumes-encrypted",
    "S",
    title="Every volume is encrypted",
    without="Data and credentials on the disk are readable from a copy of it; whether the account "
    "encrypts by default is not in the template.",
    sources=[_CONTROLS],
)
def volumes_encrypted(group: NodeGroup, _: Deployment) -> Iterator[Found]:
    for entry in listing(group.data.get("BlockDeviceMappings")):
        volume = mapping(mapping(entry).get("Ebs"))
        encrypted = volume.get("Encrypted")
        if volume and (encrypted is None or boolean(encrypted) is False):
            yield Found(
                group.boot,
                f"Encrypted of {mapping(entry).get('DeviceName')} is "
                f"{'not given' if encrypted is None else 'false'}",
                "set it to true",
            )


@rule(
    "metadata-token",
    "S",
    title="The metadata service wants a token (IMDSv2)",
    without="A request that a pod or a proxy is talked into making brings back the node's "
    "credentials.",
    sources=[
        _CONTROLS,
    ],
)
def metadata_token(group: NodeGroup, _: Deployment) -> Iterator[Found]:
    options = group.data.get("MetadataOptions", {})
    tokens = mapping(options).get("HttpTokens")
    missing = isinstance(options, dict) and tokens is None
    if tokens == "optional" or (missing and group.grouped and group.data):
        yield Found(
            group.boot,
            f"MetadataOptions.HttpTokens is {tokens or 'not given'}",
            "set it to required",
        )


@rule(
    "metadata-hops",
    "S",
    title="The metadata service is the node's alone: one hop",
    without="Every pod that is not on the host's network can take the node's role. An add-on that "
    "truly needs the service is the only reason for two hops.",
    sources=[
        _CONTROLS,
        "https://github.com/terraform-aws-modules/terraform-aws-eks/blob/master/docs/"
        "UPGRADE-21.0.md",
    ],
)
def metadata_hops(group: NodeGroup, _: Deployment) -> Iterator[Found]:
    hops = integer(mapping(group.data.get("MetadataOptions")).get("HttpPutResponseHopLimit"))
    if hops is not None and hops > 1:
        yield Found(
            group.boot,
            f"MetadataOptions.HttpPutResponseHopLimit is {hops}",
            "set it to 1, and give pods their roles through EKS Pod Identity",
        )


@rule(
    "logical-cores",
    "H",
    title="Logical NeuronCores are set to 1 or 2, and on Trainium2 only",
    without="The runtime refuses to start or shows another number of cores than jobs were written "
    "for: 64 or 128 on trn2.48xlarge.",
    sources=[
        "https://awsdocs-neuron.readthedocs-hosted.com/en/latest/deploy/eks/prerequisites.html"
    ],
)
def logical_cores(group: NodeGroup, _: Deployment) -> Iterator[Found]:
    value = group.user_data.logical_cores if group.user_data else None
    if value is None:
        return
    if value not in ("1", "2"):
        yield Found(group.boot, f"NEURON_LOGICAL_NC_CONFIG is {value}", "set it to 1 or 2")
    for hardware in group.hardware:
        if hardware.chip is None or hardware.chip.lnc is None:
            yield Found(
                group.boot,
                f"NEURON_LOGICAL_NC_CONFIG is set on {hardware.name}",
                "leave it out; only Trainium2 and newer have logical NeuronCores",
            )


def _root_gib(group: NodeGroup) -> int | None:
    """The root volume's size in GiB; None: it is not known."""
    for entry in listing(group.data.get("BlockDeviceMappings")):
        if string(mapping(entry).get("DeviceName")) in _ROOT:
            return integer(mapping(mapping(entry).get("Ebs")).get("VolumeSize", _DEFAULT_GIB))
    if group.ami_type is None or not group.ami_type.startswith("AL2"):
        return None  # another image's own default, or Bottlerocket's second disk
    if group.boot != group.resource:
        return _DEFAULT_GIB if "BlockDeviceMappings" not in group.data else None
    return integer(group.resource.properties.get("DiskSize", _DEFAULT_GIB))
