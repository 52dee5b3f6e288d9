import jmespath
import pytest

from tests.operations.embedded.extension.lifecycle import OSLO, ROLE, TOKYO, ref

KEY = {"Type": "AWS::KMS::Key", "Properties": {"KeyPolicy": {"Statement": []}}}
KEY_ARN = {"Fn::GetAtt": ["Key", "Arn"]}


def show(stack, service: str, method: str, path: str, **parameters):
    """What a service's API shows; None where it says there is none."""
    client = stack.client(service)
    try:
        return jmespath.search(path, getattr(client, method)(**parameters))
    except client.exceptions.ClientError:
        return None


def encryption(algorithm: str, **key) -> dict:
    default = {"SSEAlgorithm": algorithm, **key}
    rule = {"ServerSideEncryptionByDefault": default, "BucketKeyEnabled": True}
    return {"BucketEncryption": {"ServerSideEncryptionConfiguration": [rule]}}


def lifecycle(**rule) -> dict:
    return {"LifecycleConfiguration": {"Rules": [{"Id": "r", "Status": "Enabled", **rule}]}}


# Properties, their call and path, and what it shows.
BUCKETS = [
    (
        encryption("aws:kms", KMSMasterKeyID=KEY_ARN),
        "get_bucket_encryption",
        "ServerSideEncryptionConfiguration.Rules[0]"
        ".[ApplyServerSideEncryptionByDefault.SSEAlgorithm, BucketKeyEnabled]",
        ["aws:kms", True],
    ),
    (
        lifecycle(ExpirationInDays=90),
        "get_bucket_lifecycle_configuration",
        "Rules[].Expiration.Days",
        [90],
    ),
    (
        lifecycle(
            Transitions=[{"StorageClass": "INTELLIGENT_TIERING", "TransitionInDays": 0}],
            NoncurrentVersionExpiration={"NoncurrentDays": 30},
            AbortIncompleteMultipartUpload={"DaysAfterInitiation": 7},
        ),
        "get_bucket_lifecycle_configuration",
        "Rules[0].[Transitions[0].StorageClass, NoncurrentVersionExpiration.NoncurrentDays,"
        " AbortIncompleteMultipartUpload.DaysAfterInitiation]",
        ["INTELLIGENT_TIERING", 30, 7],
    ),
    (
        {"LoggingConfiguration": {"DestinationBucketName": ref("Logs"), "LogFilePrefix": "s3/"}},
        "get_bucket_logging",
        "LoggingEnabled.TargetPrefix",
        "s3/",
    ),
    (
        {"OwnershipControls": {"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]}},
        "get_bucket_ownership_controls",
        "OwnershipControls.Rules[0].ObjectOwnership",
        "BucketOwnerEnforced",
    ),
    ({"Tags": TOKYO}, "get_bucket_tagging", "TagSet[0].Value", "tokyo"),
    (
        {"VersioningConfiguration": {"Status": "Enabled"}},
        "get_bucket_versioning",
        "Status",
        "Enabled",
    ),
    (
        {"PublicAccessBlockConfiguration": {"BlockPublicPolicy": False}},
        "get_public_access_block",
        "PublicAccessBlockConfiguration.BlockPublicPolicy",
        False,  # a new bucket has it on, as on AWS
    ),
]


@pytest.mark.parametrize(("properties", "method", "path", "shown"), BUCKETS)
def test_a_bucket_keeps_what_its_template_says_until_it_says_otherwise(
    stack, properties, method, path, shown
):
    around = {"Key": KEY, "Logs": {"Type": "AWS::S3::Bucket"}}
    seen = []
    for these in (properties, {}):
        stack.deploy(around | {"It": {"Type": "AWS::S3::Bucket", "Properties": these}})
        assert stack.status.endswith("_COMPLETE"), stack.reasons
        seen.append(show(stack, "s3", method, path, Bucket=stack.id("It")))

    assert seen[0] == shown
    assert seen[1] != shown


TABLE = {
    "AttributeDefinitions": [{"AttributeName": "k", "AttributeType": "S"}],
    "KeySchema": [{"AttributeName": "k", "KeyType": "HASH"}],
    "BillingMode": "PAY_PER_REQUEST",
}
RECOVERY = {"PointInTimeRecoverySpecification": {"PointInTimeRecoveryEnabled": True}}
EXPIRY = {"TimeToLiveSpecification": {"AttributeName": "until", "Enabled": True}}


def global_table(*, tags: list, **more) -> dict:
    replica = {
        "Region": "us-east-2",
        "SSESpecification": {"KMSMasterKeyId": KEY_ARN},
        "Tags": tags,
        **RECOVERY,
    }
    encrypted = {"SSEEnabled": True, "SSEType": "KMS"}
    properties = {**TABLE, "Replicas": [replica], "SSESpecification": encrypted, **more}
    return {"Type": "AWS::DynamoDB::GlobalTable", "Properties": properties}


def test_a_global_table_keeps_key_recovery_expiry_and_tags(stack):
    def look() -> list:
        name = stack.id("It")
        arn = show(stack, "dynamodb", "describe_table", "Table.TableArn", TableName=name)
        return [
            show(stack, "dynamodb", method, path, TableName=name)
            for method, path in (
                ("describe_table", "Table.SSEDescription.KMSMasterKeyArn"),
                (
                    "describe_continuous_backups",
                    "ContinuousBackupsDescription.PointInTimeRecoveryDescription"
                    ".PointInTimeRecoveryStatus",
                ),
                ("describe_time_to_live", "TimeToLiveDescription.TimeToLiveStatus"),
            )
        ] + [show(stack, "dynamodb", "list_tags_of_resource", "Tags[].Value", ResourceArn=arn)]

    stack.deploy({"Key": KEY, "It": global_table(tags=TOKYO, **EXPIRY)}, {"Arn": KEY_ARN})
    first = look()
    stack.deploy({"Key": KEY, "It": global_table(tags=OSLO)})
    second = look()

    key = show(stack, "kms", "describe_key", "KeyMetadata.Arn", KeyId=stack.id("Key"))
    assert first == [key, "ENABLED", "ENABLED", ["tokyo"]]
    assert second == [key, "ENABLED", "DISABLED", ["oslo"]]


def test_a_table_keeps_recovery_and_expiry(stack):
    table = {"Type": "AWS::DynamoDB::Table", "Properties": {**TABLE, **RECOVERY, **EXPIRY}}

    stack.deploy({"It": table})

    path = "TimeToLiveDescription.[AttributeName, TimeToLiveStatus]"
    shown = show(stack, "dynamodb", "describe_time_to_live", path, TableName=stack.id("It"))
    assert shown == ["until", "ENABLED"]


def test_a_topic_keeps_its_key(stack):
    topic = {"Type": "AWS::SNS::Topic", "Properties": {"KmsMasterKeyId": KEY_ARN}}

    stack.deploy({"Key": KEY, "It": topic}, {"Arn": KEY_ARN})

    path = "Attributes.KmsMasterKeyId"
    shown = show(stack, "sns", "get_topic_attributes", path, TopicArn=stack.id("It"))
    assert shown == stack.outputs["Arn"]


def test_a_cluster_keeps_the_key_of_its_secrets(stack):
    properties = {
        "RoleArn": ROLE,
        "ResourcesVpcConfig": {"SubnetIds": []},
        "EncryptionConfig": [{"Provider": {"KeyArn": KEY_ARN}, "Resources": ["secrets"]}],
    }

    stack.deploy(
        {"Key": KEY, "It": {"Type": "AWS::EKS::Cluster", "Properties": properties}},
        {"Arn": KEY_ARN},
    )

    path = "cluster.encryptionConfig[].provider.keyArn"
    shown = show(stack, "eks", "describe_cluster", path, name=stack.id("It"))
    assert shown == [stack.outputs["Arn"]]


def test_a_service_keeps_the_grace_of_its_health_checks(stack):
    task = {"ContainerDefinitions": [{"Name": "c", "Image": "image:1"}]}
    resources = {
        "Cluster": {"Type": "AWS::ECS::Cluster"},
        "Task": {"Type": "AWS::ECS::TaskDefinition", "Properties": task},
    }
    seen = []
    for seconds in (60, 90):
        properties = {
            "Cluster": ref("Cluster"),
            "TaskDefinition": ref("Task"),
            "DesiredCount": 0,
            "HealthCheckGracePeriodSeconds": seconds,
        }
        stack.deploy(resources | {"It": {"Type": "AWS::ECS::Service", "Properties": properties}})
        path = "services[0].healthCheckGracePeriodSeconds"
        where = {"cluster": stack.id("Cluster"), "services": [stack.id("It")]}
        seen.append(show(stack, "ecs", "describe_services", path, **where))

    assert seen == [60, 90]


def test_a_vpc_tells_its_address_range(stack):
    vpc = {"Type": "AWS::EC2::VPC", "Properties": {"CidrBlock": "10.7.0.0/16"}}

    stack.deploy({"It": vpc}, {"Range": {"Fn::GetAtt": ["It", "CidrBlock"]}})

    assert stack.outputs == {"Range": "10.7.0.0/16"}


def test_a_repair_that_fails_leaves_no_resource_behind(stack):
    bucket = {"Type": "AWS::S3::Bucket", "Properties": lifecycle(Status="Sometimes")}
    before = show(stack, "s3", "list_buckets", "Buckets[].Name")

    stack.deploy({"It": bucket})

    assert stack.status == "ROLLBACK_COMPLETE"
    assert "must be one of Enabled, Disabled" in stack.reasons
    assert show(stack, "s3", "list_buckets", "Buckets[].Name") == before
