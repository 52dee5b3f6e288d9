"""The load balancer before the gateway's tasks."""

import aws_cdk as cdk
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_ecs as ecs
from aws_cdk import aws_elasticloadbalancingv2 as elb
from aws_cdk import aws_s3 as s3
from constructs import Construct

from stacks.config import JwtConfig
from stacks.shared.acknowledge import acknowledge

# The most that a load balancer waits for a task that is going, and for the next byte.
_LONGEST_DRAIN = 3600
_LONGEST_SILENCE = 4000
_MARGIN = 60  # the gateway itself ends an answer at its deadline, not the load balancer

# What may come without a token where tokens are verified: calls with an API key, which the gateway
# looks up, and what it shows anybody. The gateway believes no token of such a request
# (workloads/gateway/tokens.py), whatever upper and lower case the header has: the load balancer
# does not tell them apart.
_WITHOUT_TOKEN = (
    ("Key", elb.ListenerCondition.http_header("x-api-key", ["*"])),
    ("BearerKey", elb.ListenerCondition.http_header("authorization", ["Bearer sk-*"])),
    (
        "Pages",
        elb.ListenerCondition.path_patterns(["/", "/playground/*", "/health", "/openapi.json"]),
    ),
)


class FrontDoor(Construct):
    """An application load balancer: inside the VPC, or public where that is asked for.

    API Gateway and function URLs end a stream after 15 minutes or buffer it; this does neither.
    Without a certificate it speaks HTTP, which the configuration allows inside the VPC alone.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        vpc: ec2.IVpc,
        public: bool,
        certificate: str | None,
        jwt: JwtConfig | None,
        clients: str,
        longest_answer: int,
        access_logs: s3.IBucket,
        service: ecs.FargateService,
        port: int,
    ) -> None:
        """`clients`: the addresses that may connect unless it is public, as a CIDR range.

        `longest_answer`: the seconds that the gateway gives an answer, from its first byte to its
        last; a model may be silent for as long.
        """
        super().__init__(scope, construct_id)

        group = ec2.SecurityGroup(
            self,
            "SecurityGroup",
            vpc=vpc,
            description="Who may call the gateway",
            allow_all_outbound=False,
        )
        self.load_balancer = elb.ApplicationLoadBalancer(
            self,
            "Default",
            vpc=vpc,
            internet_facing=public,
            security_group=group,
            idle_timeout=_seconds(longest_answer + _MARGIN, _LONGEST_SILENCE),
            drop_invalid_header_fields=True,
        )
        self.load_balancer.log_access_logs(access_logs, prefix="gateway")

        secure = certificate is not None
        listener = self.load_balancer.add_listener(
            "Listener",
            protocol=(elb.ApplicationProtocol.HTTPS if secure else elb.ApplicationProtocol.HTTP),
            certificates=[elb.ListenerCertificate(certificate)] if certificate else None,
            ssl_policy=elb.SslPolicy.RECOMMENDED_TLS if secure else None,
            open=False,
        )
        listener.connections.allow_default_port_from(
            ec2.Peer.any_ipv4() if public else ec2.Peer.ipv4(clients), "callers"
        )
        self.target_group = elb.ApplicationTargetGroup(
            listener,
            "TasksGroup",
            vpc=vpc,
            targets=[service],
            port=port,
            protocol=elb.ApplicationProtocol.HTTP,
            # ECS sends SIGTERM to a task that it replaces once this is over or nothing is left.
            deregistration_delay=_seconds(longest_answer, _LONGEST_DRAIN),
            load_balancing_algorithm_type=(
                # Streams last from a second to minutes, so that taking turns would pile them up.
                elb.TargetGroupLoadBalancingAlgorithmType.LEAST_OUTSTANDING_REQUESTS
            ),
            health_check=elb.HealthCheck(
                path="/ready",
                interval=cdk.Duration.seconds(10),
                timeout=cdk.Duration.seconds(5),
                healthy_threshold_count=2,
                unhealthy_threshold_count=3,
            ),
        )
        self._route(listener, jwt, group)
        reasons = {
            "ELBDeletionProtectionEnabled": "It holds nothing; protected, it would have to be "
            "unprotected by hand before its stack can go.",
        }
        if not secure:
            reason = "It is reached inside the VPC alone; with a certificate it speaks HTTPS only."
            reasons |= {"ALBHttpToHttpsRedirection": reason, "ELBv2ACMCertificateRequired": reason}
        acknowledge(self, reasons)
        scheme = "https" if secure else "http"
        self.url = f"{scheme}://{self.load_balancer.load_balancer_dns_name}"

        if public:
            acknowledge(
                group,
                {
                    "AwsSolutions-EC23": "The environment file asks for a public gateway; it "
                    "speaks HTTPS only and every call needs an API key.",
                },
            )

    def _route(
        self,
        listener: elb.ApplicationListener,
        jwt: JwtConfig | None,
        group: ec2.SecurityGroup,
    ) -> None:
        """Send every call to the tasks; with `jwt`, none whose token is not verified."""
        forward = elb.ListenerAction.forward([self.target_group])
        if jwt is None:
            listener.add_action("Tasks", action=forward)
            return
        listener.add_action(
            "Tasks",
            action=elb.ListenerAction.authenticate_jwt(
                issuer=jwt.issuer, jwks_endpoint=jwt.jwks_endpoint, next=forward
            ),
        )
        for priority, (name, condition) in enumerate(_WITHOUT_TOKEN, start=1):
            listener.add_action(name, action=forward, priority=priority, conditions=[condition])
        # A resource of its own, because the CDK drops a rule beside those to other groups.
        ec2.CfnSecurityGroupEgress(
            self,
            "IssuersKeys",
            group_id=group.security_group_id,
            cidr_ip="0.0.0.0/0",
            ip_protocol="tcp",
            from_port=443,
            to_port=443,
            description="the keys that tokens are verified with",
        )


def _seconds(wanted: int, most: int) -> cdk.Duration:
    return cdk.Duration.seconds(min(wanted, most))
