"""The network of one environment: its zones, its way out, and private ways to AWS's services."""

from collections.abc import Collection
from typing import Any

import aws_cdk as cdk
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_iam as iam
from aws_cdk import aws_logs as logs
from constructs import Construct

from stacks.config import NetworkConfig
from stacks.shared.acknowledge import acknowledge

_MOST_ZONES = 6  # of any region; address space is kept for each, so that a zone can be added later

# Private DNS names of what a node and its pods call. Images are 10-20 GB, but their layers come
# through the S3 gateway; these two keep pulls going while the NAT gateway's zone is down.
_WITH_NAT = {"EcrApi": "ecr.api", "EcrDocker": "ecr.dkr"}

# With no way out, what nodes, pods and tasks call, and the function that installs charts:
# CloudFormation's framework calls it through Lambda's own API, from inside the VPC. Neither STS nor
# Elastic Load Balancing is among them: STS serves Fargate's pods and roles for service accounts
# (eksctl-io/eksctl#2384), pods here have Pod Identity, and nobody makes load balancers.
_WITHOUT_NAT = _WITH_NAT | {
    "Autoscaling": "autoscaling",  # the autoscaler
    "CloudWatch": "monitoring",  # training runs
    "Ec2": "ec2",  # nodes and their network plugin, the autoscaler
    "Eks": "eks",  # nodes, the autoscaler, kubectl
    "EksAuth": "eks-auth",  # Pod Identity
    "Lambda": "lambda",
    "Logs": "logs",  # the gateway
    "Ssm": "ssm",  # Session Manager
    "SsmMessages": "ssmmessages",
}
_RUNTIMES = {"bedrock-runtime": "BedrockRuntime", "sagemaker.runtime": "SageMakerRuntime"}

# What may pass an endpoint, where it is known; and only for identities of this account, so that
# nobody carries data out with the keys of another.
_PASSES = {
    "bedrock-runtime": (
        "bedrock:ApplyGuardrail",
        "bedrock:CountTokens",
        "bedrock:InvokeModel",
        "bedrock:InvokeModelWithResponseStream",
    ),
    "sagemaker.runtime": (
        "sagemaker:InvokeEndpoint",
        "sagemaker:InvokeEndpointWithResponseStream",
    ),
    "dynamodb": (
        "dynamodb:ConditionCheckItem",
        "dynamodb:DeleteItem",
        "dynamodb:DescribeTable",
        "dynamodb:GetItem",
        "dynamodb:PutItem",
        "dynamodb:Query",
        "dynamodb:Scan",
        "dynamodb:UpdateItem",
    ),
}


class NetworkStack(cdk.Stack):
    """A VPC over Availability Zone IDs, which name the same place in every account.

    Other stacks select private subnets by saying nothing, and one zone's by its ID.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        config: NetworkConfig,
        runtimes: Collection[str],
        **kwargs: Any,
    ) -> None:
        """`runtimes`: where models answer the gateway, of bedrock-runtime and sagemaker.runtime."""
        self._zones = list(config.zones)
        super().__init__(scope, construct_id, **kwargs)

        self.vpc = ec2.Vpc(
            self,
            "Vpc",
            ip_addresses=ec2.IpAddresses.cidr(config.cidr),
            availability_zones=self._zones,
            reserved_azs=_MOST_ZONES - len(self._zones),
            subnet_configuration=_subnets(config.egress),
            # One: it carries package downloads, not training or storage traffic. Its zone going
            # down takes the way out from the others, which the endpoints below make bearable.
            nat_gateways=1 if config.egress == "nat" else 0,
            # Nothing uses the default group; emptying it would take a Lambda function.
            restrict_default_security_group=False,
        )
        acknowledge(
            self.vpc,
            {
                "VPCDefaultSecurityGroupClosed": "Nothing is in the default group, and a test "
                "keeps it so; emptying it would take a Lambda function.",
                "VPCNoUnrestrictedRouteToIGW": "Public subnets hold the NAT gateway and a public "
                "gateway's load balancer alone; they give no instance a public address.",
            },
        )
        self._pin_subnets_to_zone_ids()
        self._log_rejected_flows()
        self._add_endpoints(config, runtimes)

    @property
    def availability_zones(self) -> list[str]:
        """What the CDK would otherwise look up in the account."""
        return self._zones

    def _pin_subnets_to_zone_ids(self) -> None:
        """Say the zone by ID; the names (us-east-2a) mean another place in each account."""
        subnets = (
            *self.vpc.public_subnets,
            *self.vpc.private_subnets,
            *self.vpc.isolated_subnets,
        )
        for subnet in subnets:
            resource = subnet.node.default_child
            assert isinstance(resource, ec2.CfnSubnet)
            resource.availability_zone_id = subnet.availability_zone
            resource.availability_zone = None

    def _log_rejected_flows(self) -> None:
        """Keep what was refused; accepted flows of a training cluster would cost more than it."""
        group = logs.LogGroup(
            self,
            "FlowLogs",
            retention=logs.RetentionDays.ONE_MONTH,
            removal_policy=cdk.RemovalPolicy.DESTROY,
        )
        acknowledge(
            group,
            {
                "CloudWatchLogGroupEncrypted": "Under the key of CloudWatch Logs: addresses and "
                "ports of refused packets, nothing that was in them.",
            },
        )
        self.vpc.add_flow_log(
            "Rejected",
            destination=ec2.FlowLogDestination.to_cloud_watch_logs(group),
            traffic_type=ec2.FlowLogTrafficType.REJECT,
        )

    def _add_endpoints(self, config: NetworkConfig, runtimes: Collection[str]) -> None:
        # Free, and they carry the heavy traffic: data, checkpoints, image layers.
        gateway = ec2.GatewayVpcEndpointAwsService
        self.vpc.add_gateway_endpoint("S3", service=gateway.S3)
        tables = self.vpc.add_gateway_endpoint("DynamoDb", service=gateway.DYNAMODB)
        self._limit(tables, "dynamodb")

        group = ec2.SecurityGroup(
            self,
            "EndpointSecurityGroup",
            vpc=self.vpc,
            description="HTTPS from the VPC to the interface endpoints",
            allow_all_outbound=False,
        )
        group.add_ingress_rule(ec2.Peer.ipv4(config.cidr), ec2.Port.tcp(443), "from the VPC")
        services = dict(_WITH_NAT)
        if config.egress == "private":
            services = _WITHOUT_NAT | {_RUNTIMES[service]: service for service in runtimes}
        for name, service in services.items():
            endpoint = self.vpc.add_interface_endpoint(
                name,
                service=ec2.InterfaceVpcEndpointAwsService(service),
                security_groups=[group],
                open=False,
            )
            if service in _PASSES:
                self._limit(endpoint, service)

    def _limit(self, endpoint: ec2.VpcEndpoint, service: str) -> None:
        """Let through what is done with the service here, by identities of this account."""
        endpoint.add_to_policy(
            iam.PolicyStatement(
                principals=[iam.AnyPrincipal()],
                actions=list(_PASSES[service]),
                resources=["*"],
                conditions={"StringEquals": {"aws:PrincipalAccount": self.account}},
            )
        )


def _subnets(egress: str) -> list[ec2.SubnetConfiguration]:
    """Address space per zone: 64 public addresses, and an even share of the rest for nodes."""
    if egress == "private":
        return [
            ec2.SubnetConfiguration(name="Private", subnet_type=ec2.SubnetType.PRIVATE_ISOLATED)
        ]
    return [
        ec2.SubnetConfiguration(
            name="Public",
            subnet_type=ec2.SubnetType.PUBLIC,
            cidr_mask=26,
            map_public_ip_on_launch=False,
        ),
        ec2.SubnetConfiguration(name="Private", subnet_type=ec2.SubnetType.PRIVATE_WITH_EGRESS),
    ]
