"""The security group that lets EFA interfaces talk to each other."""

from aws_cdk import aws_ec2 as ec2
from constructs import Construct

from stacks.shared.acknowledge import acknowledge


class EfaSecurityGroup(ec2.SecurityGroup):
    """All traffic from itself and to itself, and nothing else.

    EFA bypasses the kernel's network, and EC2 wants the group itself named in both directions;
    "anywhere" does not count. With `allow_all_outbound`, the CDK drops the rule outwards as
    redundant, and were it written beside, CloudFormation would drop the rule to anywhere instead
    (aws-cdk #987, cfn-language-discussion #157). The way out is the cluster's group's to give,
    which every interface is in too.
    """

    def __init__(self, scope: Construct, construct_id: str, *, vpc: ec2.IVpc) -> None:
        super().__init__(
            scope,
            construct_id,
            vpc=vpc,
            description="EFA: all traffic within the group, both ways",
            allow_all_outbound=False,
        )
        self.connections.allow_internally(ec2.Port.all_traffic(), "EFA")
        acknowledge(
            self,
            {
                "EC2RestrictedCommonPorts": "EFA needs all traffic within the group; nothing "
                "outside of it is let in.",
            },
        )
