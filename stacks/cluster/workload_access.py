"""What a pod of a workload may do in AWS: use the environment's buckets, and tell of a run."""

from collections.abc import Sequence

from aws_cdk import aws_eks_v2 as eks
from aws_cdk import aws_iam as iam
from aws_cdk import aws_s3 as s3
from constructs import Construct

from stacks.shared.acknowledge import acknowledge
from stacks.shared.kubernetes import NAMESPACE, SERVICE_ACCOUNT


class WorkloadAccess(Construct):
    """A role for the service account `workloads/workload`, through EKS Pod Identity.

    The permissions are spelt out, because the CDK's grants contain wildcard actions.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        cluster_name: str,
        buckets: Sequence[s3.IBucket],
        training: str,
    ) -> None:
        """`training`: the namespace of the metrics of training runs."""
        super().__init__(scope, construct_id)

        pods = iam.SessionTagsPrincipal(iam.ServicePrincipal("pods.eks.amazonaws.com"))
        role = iam.Role(self, "Role", assumed_by=pods)
        role.add_to_policy(
            iam.PolicyStatement(
                actions=["s3:ListBucket"],
                resources=[bucket.bucket_arn for bucket in buckets],
            )
        )
        role.add_to_policy(
            iam.PolicyStatement(
                actions=[
                    "s3:AbortMultipartUpload",
                    "s3:DeleteObject",
                    "s3:GetObject",
                    "s3:PutObject",
                ],
                resources=[bucket.arn_for_objects("*") for bucket in buckets],
            )
        )
        keys = {bucket.encryption_key.key_arn for bucket in buckets if bucket.encryption_key}
        role.add_to_policy(
            iam.PolicyStatement(
                actions=["kms:Decrypt", "kms:GenerateDataKey"], resources=sorted(keys)
            )
        )
        role.add_to_policy(
            iam.PolicyStatement(
                actions=["cloudwatch:PutMetricData"],
                resources=["*"],  # it has no resource
                conditions={"StringEquals": {"cloudwatch:namespace": training}},
            )
        )
        acknowledge(
            role,
            {
                "AwsSolutions-IAM5": "Every object of the four buckets; the workloads name their "
                "own prefixes. Metrics have no ARN, but a namespace, which is the condition.",
            },
        )
        eks.CfnPodIdentityAssociation(
            self,
            "Association",
            cluster_name=cluster_name,
            namespace=NAMESPACE,
            service_account=SERVICE_ACCOUNT,
            role_arn=role.role_arn,
        )
