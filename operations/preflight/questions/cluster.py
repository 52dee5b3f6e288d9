"""Whether EKS still makes such a cluster, with its nodes, add-ons and administrators."""

import json
from collections.abc import Iterator

from operations.preflight.aws import Refused
from operations.preflight.needs import ADDONS
from operations.preflight.registry import Case, Found, question
from stacks.config import EnvironmentConfig
from workloads.hardware import Instance
from workloads.versions import VERSIONS


@question(
    "kubernetes-version",
    "cluster",
    title="EKS makes clusters of the Kubernetes version",
    without="The cluster's stack fails: unsupported Kubernetes version.",
    asks=["eks:DescribeClusterVersions"],
    sources=["https://docs.aws.amazon.com/eks/latest/userguide/kubernetes-versions.html"],
)
def kubernetes_version(case: Case) -> Iterator[Found]:
    version = case.config.cluster.kubernetes_version
    answer = case.ask("eks", "DescribeClusterVersions", includeAll=True)
    states = {row["clusterVersion"]: row.get("versionStatus") for row in answer["clusterVersions"]}
    state = states.get(version)
    newer = [v for v in VERSIONS.kubernetes if states.get(v) == "STANDARD_SUPPORT"]
    fix = (
        f'set cluster.kubernetes_version = "{newer[-1]}" in {case.name}.toml'
        if newer
        else "add a newer version to workloads/versions.toml"
    )
    if state in (None, "UNSUPPORTED"):
        yield Found("fails", f"EKS makes no cluster of Kubernetes {version} any more", fix)
    elif state == "EXTENDED_SUPPORT":
        yield Found(
            "note",
            f"Kubernetes {version} is in extended support",
            fix,
            "The control plane costs 0.60 instead of 0.10 USD per hour.",
        )


def _variant(hardware: Instance | None) -> str:
    if hardware and hardware.neuron:
        return "neuron"
    return "nvidia" if hardware and hardware.nvidia else "standard"


def _images(config: EnvironmentConfig) -> dict[str, str]:
    """The public parameter that each node image is found under -> which nodes want it.

    Names of a release's parameters: aws/karpenter-provider-aws, pkg/providers/amifamily/al2023.go.
    """
    version = config.cluster.kubernetes_version
    wanted: list[tuple[Instance | None, str, str]] = [
        (None, VERSIONS.standard_release(version), "the cluster's own nodes")
    ]
    wanted += [
        (pool.hardware, VERSIONS.node_image(version, pool.hardware), f"pool {pool.name}")
        for pool in config.pools
    ]
    names: dict[str, str] = {}
    for hardware, release, who in wanted:
        variant, date = _variant(hardware), release.rpartition("-")[2]
        name = (
            f"/aws/service/eks/optimized-ami/{version}/amazon-linux-2023/x86_64/{variant}/"
            f"amazon-eks-node-al2023-x86_64-{variant}-{version}-v{date}/image_id"
        )
        names.setdefault(name, who)
    return names


@question(
    "node-images",
    "cluster",
    title="The pinned release of each node image is published in the region",
    without="The node group fails: the requested AMI release is not valid.",
    asks=["ssm:GetParameters"],
    sources=["https://docs.aws.amazon.com/eks/latest/userguide/retrieve-ami-id.html"],
)
def node_images(case: Case) -> Iterator[Found]:
    wanted = _images(case.config)
    answer = case.ask("ssm", "GetParameters", Names=list(wanted))
    for name in answer["InvalidParameters"]:
        yield Found(
            "fails",
            f"{case.region} has no node image {name.split('/')[-2]} ({wanted[name]})",
            "pin a release that `aws ssm get-parameters-by-path --path "
            f"{name.rpartition('/amazon-eks-node')[0]} --region {case.region}` lists, in "
            "workloads/versions.toml",
        )


@question(
    "add-ons",
    "cluster",
    title="EKS has its add-ons for the Kubernetes version",
    without="The cluster's stack fails: addon version is not supported.",
    asks=["eks:DescribeAddonVersions"],
    sources=["https://docs.aws.amazon.com/eks/latest/userguide/updating-an-add-on.html"],
)
def add_ons(case: Case) -> Iterator[Found]:
    version = case.config.cluster.kubernetes_version
    answer = case.ask("eks", "DescribeAddonVersions", kubernetesVersion=version)
    known = {row["addonName"] for row in answer["addons"] if row.get("addonVersions")}
    for name in ADDONS:
        if name not in known:
            yield Found(
                "fails",
                f"{case.region} has no version of the add-on {name} for Kubernetes {version}",
                case.command(
                    f"eks describe-addon-versions --addon-name {name} --kubernetes-version "
                    f"{version}"
                ),
            )


@question(
    "admins",
    "cluster",
    title="The cluster's administrators are roles that exist in the account",
    without="The cluster's stack fails: the principalArn of an access entry is not valid.",
    asks=["iam:GetRole"],
    sources=["https://docs.aws.amazon.com/eks/latest/userguide/creating-access-entries.html"],
    when=lambda config: bool(config.cluster.admins),
)
def admins(case: Case) -> Iterator[Found]:
    for arn in case.config.cluster.admins:
        if arn.split(":")[4] != case.account:
            yield Found(
                "fails",
                f"{arn} is not a role of account {case.account}",
                f"name roles of the account in cluster.admins of {case.name}.toml",
            )
            continue
        role = arn.rpartition("/")[2]
        try:
            its = case.ask("iam", "GetRole", RoleName=role)["Role"]["Arn"]
        except Refused as error:
            if error.code != "NoSuchEntity":
                raise
            trust = {
                "Version": "2012-10-17",
                "Statement": [
                    {
                        "Effect": "Allow",
                        "Principal": {"AWS": f"arn:aws:iam::{case.account}:root"},
                        "Action": "sts:AssumeRole",
                    }
                ],
            }
            yield Found(
                "fails",
                f"the account has no role {role}",
                f"aws iam create-role --role-name {role} --assume-role-policy-document "
                f"'{json.dumps(trust)}'",
            )
            continue
        if its != arn:
            yield Found(
                "fails",
                f"the role {role} is {its}, and {case.name}.toml says {arn}",
                f"correct cluster.admins in {case.name}.toml",
            )


# Role -> the service that it is linked to, and which environments need it. Names: IAM user guide,
# "AWS services that work with IAM", and each service's page on its service-linked roles.
_ROLES = (
    ("AWSServiceRoleForAmazonEKS", "eks.amazonaws.com", "always"),
    ("AWSServiceRoleForAmazonEKSNodegroup", "eks-nodegroup.amazonaws.com", "always"),
    ("AWSServiceRoleForAutoScaling", "autoscaling.amazonaws.com", "always"),
    ("AWSServiceRoleForEC2Spot", "spot.amazonaws.com", "spot"),
    ("AWSServiceRoleForECS", "ecs.amazonaws.com", "gateway"),
    (
        "AWSServiceRoleForApplicationAutoScaling_ECSService",
        "ecs.application-autoscaling.amazonaws.com",
        "gateway",
    ),
    ("AWSServiceRoleForElasticLoadBalancing", "elasticloadbalancing.amazonaws.com", "gateway"),
    ("AWSServiceRoleForAmazonFSx", "fsx.amazonaws.com", "lustre"),
)


@question(
    "service-linked-roles",
    "cluster",
    title="The account has the service-linked roles that EKS, Auto Scaling, ECS, … work with",
    without="Services make them at first use, when the caller may; the first ECS service, load "
    "balancer or spot request of an account fails for it now and then, and works when repeated.",
    asks=["iam:GetRole"],
    sources=[
        "https://docs.aws.amazon.com/AmazonECS/latest/developerguide/using-service-linked-roles.html",
        "https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/service-linked-roles-spot-instance-requests.html",
        "https://docs.aws.amazon.com/eks/latest/userguide/using-service-linked-roles.html",
    ],
)
def service_linked_roles(case: Case) -> Iterator[Found]:
    config = case.config
    needed = {
        "always": True,
        "spot": any(pool.capacity.kind == "spot" for pool in config.pools),
        "gateway": bool(config.gateway.models),
        "lustre": bool(config.storage.lustre_gib),
    }
    for role, service, use in _ROLES:
        if not needed[use]:
            continue
        try:
            case.ask("iam", "GetRole", RoleName=role)
        except Refused as error:
            if error.code != "NoSuchEntity":
                raise
            yield Found(
                "may fail",
                f"the account has no {role} yet",
                f"aws iam create-service-linked-role --aws-service-name {service}",
            )
