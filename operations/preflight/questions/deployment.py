"""Whether the CDK's command line can deploy: its own stack, and what earlier attempts left."""

from collections.abc import Iterator

from operations.preflight.aws import Refused
from operations.preflight.needs import BOOTSTRAP_VERSION
from operations.preflight.registry import Case, Found, question

_PARAMETER = "/cdk-bootstrap/hnb659fds/version"  # the CDK's default qualifier
_ROLES = ("deploy", "file-publishing", "image-publishing", "cfn-exec")
_GUIDE = "https://docs.aws.amazon.com/cdk/v2/guide/bootstrapping-env.html"


def _bootstrap(case: Case) -> str:
    return f"npx cdk bootstrap aws://{case.account}/{case.region}"


@question(
    "bootstrap",
    "deployment",
    title="The account is bootstrapped for the CDK in the region, in a version that is new enough",
    without="`cdk deploy` ends at once: the bootstrap stack is missing or too old.",
    asks=["ssm:GetParameters"],
    sources=[_GUIDE],
)
def bootstrap(case: Case) -> Iterator[Found]:
    answer = case.ask("ssm", "GetParameters", Names=[_PARAMETER])
    if not answer["Parameters"]:
        yield Found(
            "fails",
            f"account {case.account} is not bootstrapped for the CDK in {case.region}",
            _bootstrap(case),
        )
        return
    version = int(answer["Parameters"][0]["Value"])
    if version < BOOTSTRAP_VERSION:
        yield Found(
            "fails",
            f"the CDK's bootstrap stack has version {version}, and the app needs "
            f"{BOOTSTRAP_VERSION}",
            _bootstrap(case),
        )


@question(
    "bootstrap-parts",
    "deployment",
    title="The bucket, the repository and the roles of the bootstrap stack are there",
    without="`cdk deploy` cannot upload assets or assume its roles; a bucket that was deleted by "
    "hand is the usual cause.",
    asks=["s3:HeadBucket", "iam:GetRole", "ecr:DescribeRepositories"],
    sources=[_GUIDE],
)
def bootstrap_parts(case: Case) -> Iterator[Found]:
    place = f"{case.account}-{case.region}"
    bucket = f"cdk-hnb659fds-assets-{place}"
    again = (
        f"aws cloudformation delete-stack --stack-name CDKToolkit --region {case.region} && "
        + _bootstrap(case)
    )
    try:
        case.ask("s3", "HeadBucket", Bucket=bucket)
    except Refused as error:
        if error.code not in ("404", "NoSuchBucket"):
            raise
        yield Found("fails", f"the CDK's bucket {bucket} does not exist", again)
    for name in _ROLES:
        role = f"cdk-hnb659fds-{name}-role-{place}"
        try:
            case.ask("iam", "GetRole", RoleName=role)
        except Refused as error:
            if error.code != "NoSuchEntity":
                raise
            yield Found("fails", f"the CDK's role {role} does not exist", again)
    if case.config.gateway.models and case.config.gateway.image is None:
        repository = f"cdk-hnb659fds-container-assets-{place}"
        try:
            case.ask("ecr", "DescribeRepositories", repositoryNames=[repository])
        except Refused as error:
            if error.code != "RepositoryNotFoundException":
                raise
            yield Found("fails", f"the CDK's repository {repository} does not exist", again)


@question(
    "stacks",
    "deployment",
    title="No stack of the environment is in a state that CloudFormation does not leave by itself",
    without="`cdk deploy` ends with: the stack is in the state …, and can not be updated.",
    asks=["cloudformation:DescribeStacks"],
    sources=["https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/troubleshooting.html"],
)
def stacks(case: Case) -> Iterator[Found]:
    for id, stack in case.stacks.items():
        name, state = stack["StackName"], stack["StackStatus"]
        said = f"stack {name} is {state}"
        delete = case.command(f"cloudformation delete-stack --stack-name {name}")
        if state == "UPDATE_ROLLBACK_FAILED":
            yield Found(
                "fails",
                said,
                case.command(f"cloudformation continue-update-rollback --stack-name {name}"),
            )
        elif state == "DELETE_FAILED":
            yield Found("fails", said, case.cdk("destroy", id))
        elif state in ("ROLLBACK_COMPLETE", "ROLLBACK_FAILED", "CREATE_FAILED"):
            kept = stack.get("EnableTerminationProtection")
            unlock = case.command(
                f"cloudformation update-termination-protection --stack-name {name} "
                "--no-enable-termination-protection"
            )
            # The CDK deletes what failed to be created, and may not where it is protected.
            yield Found(
                "fails" if kept or state != "ROLLBACK_COMPLETE" else "note",
                said + (" and protected against deletion" if kept else ""),
                f"{unlock} && {delete}" if kept else delete,
                None if kept else "`cdk deploy` deletes it first; what it retained stays.",
            )
        elif state.endswith("_IN_PROGRESS") and state != "REVIEW_IN_PROGRESS":
            yield Found(
                "may fail",
                said,
                case.command(f"cloudformation describe-stack-events --stack-name {name}"),
                "Somebody is at it; `cdk deploy` waits for the end, and fails if that fails.",
            )
