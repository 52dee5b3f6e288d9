"""The security group that lets EFA interfaces talk to each other."""

from aws_cdk import aws_ec2 as ec2
from constructs import Construct


class EfaSecurityGroup(ec2.SecurityGroup):
    """All traffic from itself and to itself, besides the way out.

    EFA bypasses the kernel's network, and EC2 then wants the group itself named in both
    directions; "anywhere" does not count. The CDK drops a rule for itself as redundant when all
    outbound traffic is allowed, so this one is written as the resource it is.
    """

    def __init__(self, scope: Construct, construct_id: str, *, vpc: ec2.IVpc) -> None:
        super().__init__(
            scope,
            construct_id,
            vpc=vpc,
            description="EFA: all traffic within the group, both ways",
            allow_all_outbound=True,
        )
        self.add_ingress_rule(self, ec2.Port.all_traffic(), "EFA, in")
        ec2.CfnSecurityGroupEgress(
            self,
            "ToItself",
            group_id=self.security_group_id,
            destination_security_group_id=self.security_group_id,
            ip_protocol="-1",
            description="EFA, out",
        )
