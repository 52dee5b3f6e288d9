"""What the account, the CDK and earlier attempts can have wrong."""

from tests.operations.preflight.faults.injected import fault, stack
from tests.operations.preflight.healthy_ec2 import ACCOUNT


@fault("dev", "region-enabled", "fails", "not enabled us-east-2", "enable-region")
def region_is_off(answers):
    for row in answers["ec2:DescribeRegions"]["Regions"]:
        if row["RegionName"] == "us-east-2":
            row["OptInStatus"] = "not-opted-in"


@fault("closed", "account", "fails", "of account 999999999999", "AWS_PROFILE")
def another_account(answers):
    answers["sts:GetCallerIdentity"]["Account"] = "999999999999"


@fault("prod", "zones", "fails", "no zone use2-az1", "network.zones")
def zone_is_not_there(answers):
    del answers["ec2:DescribeAvailabilityZones"]["AvailabilityZones"][0]


@fault("prod", "zones", "may fail", "use2-az1 is impaired", "health.aws")
def zone_is_impaired(answers):
    answers["ec2:DescribeAvailabilityZones"]["AvailabilityZones"][0]["State"] = "impaired"


@fault(
    "dev", "bootstrap", "fails", "is not bootstrapped", f"cdk bootstrap aws://{ACCOUNT}/us-east-2"
)
def never_bootstrapped(answers):
    del answers["ssm:GetParameters"].rows["/cdk-bootstrap/hnb659fds/version"]


@fault("dev", "bootstrap", "fails", "has version 5", "cdk bootstrap")
def bootstrapped_long_ago(answers):
    answers["ssm:GetParameters"].rows["/cdk-bootstrap/hnb659fds/version"] = "5"


@fault("dev", "bootstrap-parts", "fails", "bucket cdk-hnb659fds-assets", "delete-stack")
def bootstrap_bucket_deleted(answers):
    answers["s3:HeadBucket"].rows.clear()


@fault("dev", "bootstrap-parts", "fails", "cdk-hnb659fds-cfn-exec-role", "cdk bootstrap")
def bootstrap_role_deleted(answers):
    del answers["iam:GetRole"].rows[f"cdk-hnb659fds-cfn-exec-role-{ACCOUNT}-us-east-2"]


@fault("dev", "bootstrap-parts", "fails", "container-assets", "cdk bootstrap")
def bootstrap_repository_deleted(answers):
    answers["ecr:DescribeRepositories"].rows.clear()


@fault("prod", "stacks", "fails", "prod-storage is ROLLBACK_COMPLETE", "termination-protection")
def failed_stack_is_protected(answers):
    stack(answers, "prod-storage", "ROLLBACK_COMPLETE", EnableTerminationProtection=True)


@fault("prod", "stacks", "note", "prod-cluster is ROLLBACK_COMPLETE", "delete-stack")
def failed_stack_that_the_cdk_deletes(answers):
    stack(answers, "prod-cluster", "ROLLBACK_COMPLETE")


@fault("prod", "stacks", "fails", "UPDATE_ROLLBACK_FAILED", "continue-update-rollback")
def update_stuck(answers):
    stack(answers, "prod-cluster", "UPDATE_ROLLBACK_FAILED")


@fault("prod", "stacks", "fails", "DELETE_FAILED", "cdk destroy prod/network")
def deletion_stuck(answers):
    stack(answers, "prod-network", "DELETE_FAILED")


@fault("prod", "stacks", "may fail", "UPDATE_IN_PROGRESS", "describe-stack-events")
def somebody_deploys(answers):
    stack(answers, "prod-pool-trn1", "UPDATE_IN_PROGRESS")
