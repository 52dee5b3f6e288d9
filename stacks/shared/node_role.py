"""The role of an EKS worker node."""

from aws_cdk import aws_iam as iam
from constructs import Construct

from stacks.shared.acknowledge import acknowledge

_POLICIES = (
    "AmazonEKSWorkerNodePolicy",
    "AmazonEKS_CNI_Policy",
    "AmazonEC2ContainerRegistryPullOnly",
    "AmazonSSMManagedInstanceCore",
)


class NodeRole(iam.Role):
    """Joins the cluster, attaches pod addresses, pulls images, answers Session Manager.

    Pods do not share it: they have Pod Identity, and the metadata service is out of their reach.
    """

    def __init__(self, scope: Construct, construct_id: str) -> None:
        super().__init__(
            scope,
            construct_id,
            assumed_by=iam.ServicePrincipal("ec2.amazonaws.com"),
            managed_policies=[
                iam.ManagedPolicy.from_aws_managed_policy_name(name) for name in _POLICIES
            ],
        )
        acknowledge(
            self,
            {
                "AwsSolutions-IAM4": "EKS requires these managed policies of a node; AWS keeps "
                "them current.",
            },
        )
