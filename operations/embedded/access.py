"""Who acts on the embedded AWS, as it would be in an account: people and programs with roles.

The emulator enforces IAM. Only the account itself, which bootstraps and looks at the result, may
do everything.
"""

import json
import urllib.request
from dataclasses import dataclass

from operations.embedded.emulator import Emulator, EmulatorError

_DEPLOYER = "deployer"
_ROLES = ("deploy", "file-publishing", "image-publishing", "lookup")
Credentials = dict[str, str]  # of the AWS SDK's standard environment


@dataclass(frozen=True, kw_only=True)
class Decision:
    """A request of a role or a user that IAM decided, as often as it was made."""

    allowed: bool
    who: str  # ARN
    action: str
    resource: str
    times: int

    def __str__(self) -> str:
        verdict = "was allowed" if self.allowed else "was refused"
        return f"{self.who.rpartition(':')[2]} {verdict} {self.action} on {self.resource}"


def decisions(emulator: Emulator) -> tuple[Decision, ...]:
    """Everything IAM has decided since the emulator was started."""
    with urllib.request.urlopen(f"{emulator.url}/_embedded/access") as answer:
        return tuple(Decision(**record) for record in json.load(answer))


def deployer(emulator: Emulator) -> Credentials:
    """A new key of a user who may assume the roles of the CDK's bootstrap, and nothing else.

    The same four as .github/deploy-role.yaml
    (https://docs.aws.amazon.com/cdk/v2/guide/bootstrapping-env.html).
    """
    iam = emulator.client("iam")
    if not any(user["UserName"] == _DEPLOYER for user in iam.list_users()["Users"]):
        iam.create_user(UserName=_DEPLOYER)
    statement = {
        "Effect": "Allow",
        "Action": "sts:AssumeRole",
        "Resource": [
            f"arn:aws:iam::{emulator.account}:role/"
            f"cdk-hnb659fds-{role}-role-{emulator.account}-{emulator.region}"
            for role in _ROLES
        ],
    }
    iam.put_user_policy(
        UserName=_DEPLOYER,
        PolicyName="assume-the-roles-of-the-bootstrap",
        PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [statement]}),
    )
    key = iam.create_access_key(UserName=_DEPLOYER)["AccessKey"]
    return {
        "AWS_ACCESS_KEY_ID": key["AccessKeyId"],
        "AWS_SECRET_ACCESS_KEY": key["SecretAccessKey"],
    }


def assumed(emulator: Emulator, role: str, *, service: str) -> Credentials:
    """A session of a role, by ARN, as an AWS service hands it to what it runs.

    `service` is the service's principal: "ecs-tasks.amazonaws.com" for a task, or
    "pods.eks.amazonaws.com" for a pod. Raises EmulatorError when the role does not trust it.
    """
    name = role.rpartition("/")[2]
    trust = emulator.client("iam").get_role(RoleName=name)["Role"]["AssumeRolePolicyDocument"]
    trusted = [statement["Principal"].get("Service") for statement in trust["Statement"]]
    if service not in trusted:
        raise EmulatorError(f"{role} trusts {trusted}, not {service}, which would have to use it")
    # ministack lets the account itself assume what trusts a service.
    session = emulator.client("sts").assume_role(
        RoleArn=role, RoleSessionName=service.partition(".")[0]
    )["Credentials"]
    return {
        "AWS_ACCESS_KEY_ID": session["AccessKeyId"],
        "AWS_SECRET_ACCESS_KEY": session["SecretAccessKey"],
        "AWS_SESSION_TOKEN": session["SessionToken"],
    }
