"""The load balancer before the gateway's tasks."""

import aws_cdk as cdk
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_ecs as ecs
from aws_cdk import aws_elasticloadbalancingv2 as elb
from aws_cdk import aws_s3 as s3
from constructs import Construct

from stacks.shared.acknowledge import acknowledge

# The longest silence within an answer, and the time running answers get when a task goes.
_STREAM = cdk.Duration.minutes(15)


class FrontDoor(Construct):
    """An application load balancer: inside the VPC, or public where that is asked for.

    API Gateway and function URLs end a stream after 15 minutes or buffer it; this does neither.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        vpc: ec2.IVpc,
        public: bool,
        certificate: str | None,
        clients: str,
        access_logs: s3.IBucket,
        service: ecs.FargateService,
        port: int,
    ) -> None:
        """`clients`: the addresses that may connect unless it is public, as a CIDR range."""
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
            idle_timeout=_STREAM,
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
        self.target_group = listener.add_targets(
            "Tasks",
            targets=[service],
            port=port,
            protocol=elb.ApplicationProtocol.HTTP,
            deregistration_delay=_STREAM,
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
        reasons = {
            "ELBDeletionProtectionEnabled": "It holds nothing; protected, it would have to be "
            "unprotected by hand before its stack can go.",
            "ALBWAFEnabled": "A web ACL is the next step; every call needs an API key today.",
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
