"""Buckets with everything that protects them, tables, and repositories of images."""

from collections.abc import Mapping
from typing import Any

from operations.embedded.extension.handler import Place
from operations.embedded.extension.repairs import s3
from operations.embedded.extension.types import dynamodb, fsx
from operations.embedded.verify.verifier import Described, Properties, Read, Resource, Verifier

_BUCKET = {"Bucket": "{id}"}
_TABLE = {"TableName": "{id}"}


def _bucket_properties(properties: Properties) -> Properties:
    """A bucket's properties in the form in which the S3 API returns them."""
    return {
        name: _unwrapped(s3.SETTINGS[name][0](value)) if name in s3.SETTINGS else value
        for name, value in properties.items()
    }


def _unwrapped(parameters: Mapping[str, Any]) -> Any:
    """The value of a call's only parameter."""
    [value] = parameters.values()
    return value


def _bucket(operation: str, path: str) -> Read:
    return Read("s3", operation, _BUCKET, path)


def _table_properties(properties: Properties) -> Properties:
    """A global table's properties as those of its only replica."""
    [replica] = properties["Replicas"]
    local = dynamodb.local(properties, replica["Region"])
    encryption = local.get("SSESpecification", {})
    return {
        **{name: value for name, value in local.items() if name != "SSESpecification"},
        "BillingModeSummary": {"BillingMode": local.get("BillingMode", "PROVISIONED")},
        "SSEDescription": {
            "Status": "ENABLED" if encryption.get("SSEEnabled") else None,
            "SSEType": encryption.get("SSEType"),
            "KMSMasterKeyArn": encryption.get("KMSMasterKeyId"),
        },
    }


def _table_tags(place: Place, resource: Resource) -> Any:
    arn = Read("dynamodb", "DescribeTable", _TABLE, "Table.TableArn")(place, resource)
    return Read("dynamodb", "ListTagsOfResource", {"ResourceArn": arn}, "Tags")(place, resource)


def _repository_tags(place: Place, resource: Resource) -> Any:
    names = {"repositoryNames": ["{id}"]}
    path = "repositories[0].repositoryArn"
    arn = Read("ecr", "DescribeRepositories", names, path)(place, resource)
    return Read("ecr", "ListTagsForResource", {"resourceArn": arn}, "tags")(place, resource)


VERIFIERS = {
    "AWS::S3::Bucket": Verifier(
        find=_bucket("ListObjectsV2", "{BucketName: Name}"),
        parts={
            "BucketEncryption": _bucket("GetBucketEncryption", "ServerSideEncryptionConfiguration"),
            "LifecycleConfiguration": _bucket("GetBucketLifecycleConfiguration", "@"),
            "LoggingConfiguration": _bucket("GetBucketLogging", "@"),
            "OwnershipControls": _bucket("GetBucketOwnershipControls", "OwnershipControls"),
            "PublicAccessBlockConfiguration": _bucket(
                "GetPublicAccessBlock", "PublicAccessBlockConfiguration"
            ),
            "Tags": _bucket("GetBucketTagging", "@"),
            "VersioningConfiguration": _bucket("GetBucketVersioning", "@"),
        },
        expect=_bucket_properties,
    ),
    "AWS::S3::BucketPolicy": Verifier(
        find=Read("s3", "GetBucketPolicy", {"Bucket": "{Bucket}"}),
        rename={"PolicyDocument": "Policy"},
        unseen=("Bucket",),  # the policy is asked for by it
    ),
    "AWS::DynamoDB::GlobalTable": Verifier(
        find=Read("dynamodb", "DescribeTable", _TABLE, "Table"),
        parts={
            "PointInTimeRecoverySpecification": Read(
                "dynamodb",
                "DescribeContinuousBackups",
                _TABLE,
                "ContinuousBackupsDescription.PointInTimeRecoveryDescription"
                ".{PointInTimeRecoveryEnabled: PointInTimeRecoveryStatus == 'ENABLED'}",
            ),
            "TimeToLiveSpecification": Read(
                "dynamodb",
                "DescribeTimeToLive",
                _TABLE,
                "TimeToLiveDescription"
                ".{Enabled: TimeToLiveStatus == 'ENABLED', AttributeName: AttributeName}",
            ),
            "Tags": _table_tags,
        },
        expect=_table_properties,
        unseen=("BillingMode",),  # compared as BillingModeSummary
    ),
    "AWS::ECR::Repository": Verifier(
        find=Read("ecr", "DescribeRepositories", {"repositoryNames": ["{id}"]}, "repositories[0]"),
        parts={
            "LifecyclePolicy": Read("ecr", "GetLifecyclePolicy", {"repositoryName": "{id}"}),
            "Tags": _repository_tags,
        },
        unseen=("EmptyOnDelete",),  # it matters to the deletion alone
        remark="no image is in it",
    ),
    "AWS::FSx::FileSystem": Verifier(
        find=Described(fsx.FILE_SYSTEM),
        unseen=("SecurityGroupIds",),
        declared="a record of our own: no file system exists, and none can be mounted",
    ),
}
