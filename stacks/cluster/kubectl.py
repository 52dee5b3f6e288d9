"""The way into the cluster for CloudFormation: a function with kubectl and helm."""

from collections.abc import Sequence

import aws_cdk as cdk
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_eks_v2 as eks
from aws_cdk import aws_iam as iam
from aws_cdk import aws_logs as logs
from aws_cdk.lambda_layer_kubectl_v35 import KubectlV35Layer
from constructs import Construct, IConstruct

from stacks.shared.acknowledge import acknowledge
from workloads.charts import Chart

# Where charts are that a sign-in is needed for.
_PUBLIC_ECR = "oci://public.ecr.aws/"


class Kubectl(Construct):
    """What the CDK's kubectl provider runs with: layer, security group, role.

    The role is handed over closed. The CDK would open it to every repository of every registry;
    here it reads the pinned charts. In the cluster its access entry makes it an administrator,
    because charts bring roles, webhooks and definitions of their own.
    """

    def __init__(self, scope: Construct, construct_id: str, *, vpc: ec2.IVpc) -> None:
        super().__init__(scope, construct_id)

        # Not the cluster's own group, which the CDK would take: nodes are in it and open to all in
        # it, and it goes with the cluster while the interfaces of a deleted function linger.
        self._group = ec2.SecurityGroup(
            self,
            "SecurityGroup",
            vpc=vpc,
            description="HTTPS from kubectl to the cluster, registries and AWS",
            allow_all_outbound=False,
        )
        self._group.add_egress_rule(ec2.Peer.any_ipv4(), ec2.Port.tcp(443), "HTTPS")
        self._role = iam.Role(
            self,
            "Role",
            assumed_by=iam.ServicePrincipal("lambda.amazonaws.com"),
            managed_policies=[
                iam.ManagedPolicy.from_aws_managed_policy_name(
                    "service-role/AWSLambdaVPCAccessExecutionRole"
                )
            ],
        )
        # kubectl 1.35 serves clusters one minor version older and newer.
        self.options = eks.KubectlProviderOptions(
            kubectl_layer=KubectlV35Layer(self, "Layer"),
            role=self._role.without_policy_updates(),
            security_groups=[self._group],
        )
        acknowledge(self._role, {"AwsSolutions-IAM4": _MANAGED_POLICY})

    def admit(self, cluster: eks.Cluster, charts: Sequence[Chart], registry: str | None) -> None:
        """Let the function reach the cluster, and pull the charts from where they are.

        `registry` is the account's own, where charts come from when there is no way out.
        """
        control_plane = cluster.node.find_child("ControlPlaneSecurityGroup")
        assert isinstance(control_plane, ec2.SecurityGroup)
        ec2.CfnSecurityGroupIngress(
            self,
            "ToControlPlane",
            group_id=control_plane.security_group_id,
            source_security_group_id=self._group.security_group_id,
            ip_protocol="tcp",
            from_port=443,
            to_port=443,
            description="kubectl",
        )
        self._role.add_to_policy(
            iam.PolicyStatement(actions=["eks:DescribeCluster"], resources=[cluster.cluster_arn])
        )
        acknowledge(self._role, {"AwsSolutions-IAM5": "Signing in to a registry has no resource."})
        sources = [chart.source(registry) for chart in charts]
        if registry:
            self._pull_from(sources, registry)
        elif any(source.startswith(_PUBLIC_ECR) for source in sources):
            # The handler signs in before it pulls, for a higher limit of requests.
            self._role.add_to_policy(
                iam.PolicyStatement(
                    actions=["ecr-public:GetAuthorizationToken", "sts:GetServiceBearerToken"],
                    resources=["*"],
                )
            )
        self._tidy(cluster.node.find_child("KubectlProvider"))

    def _pull_from(self, sources: Sequence[str], registry: str) -> None:
        stack = cdk.Stack.of(self)
        self._role.add_to_policy(
            iam.PolicyStatement(actions=["ecr:GetAuthorizationToken"], resources=["*"])
        )
        self._role.add_to_policy(
            iam.PolicyStatement(
                actions=["ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"],
                resources=[
                    stack.format_arn(
                        service="ecr",
                        resource="repository",
                        resource_name=source.removeprefix(f"oci://{registry}/"),
                    )
                    for source in sources
                ],
            )
        )

    def _tidy(self, provider: IConstruct) -> None:
        """Keep the functions' logs as long as others, and say why the CDK's role is what it is."""
        # Left over: of the policies that the closed role did not take.
        self.node.try_remove_child("HasEcrPublic")
        for child in provider.node.find_all():
            if isinstance(child, logs.CfnLogGroup):
                child.retention_in_days = 30
                child.apply_removal_policy(cdk.RemovalPolicy.DESTROY)
        acknowledge(
            provider,
            {
                "AwsSolutions-IAM4": _MANAGED_POLICY,
                "AwsSolutions-IAM5": "The CDK's framework calls any version of the one function.",
                "AwsSolutions-L1": "The CDK chooses the runtime that its own code was tested with.",
                "LambdaConcurrency": "CloudFormation calls it, a few resources at a time.",
                "LambdaDLQ": "CloudFormation waits for its answer, and rolls back without one.",
                "CloudWatchLogGroupEncrypted": "Under the key of CloudWatch Logs; manifests "
                "with secrets are not applied by CloudFormation.",
            },
        )


_MANAGED_POLICY = "A function in a VPC makes its network interfaces by this policy of AWS's."
