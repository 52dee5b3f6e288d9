"""Where everything that outlives a job is kept: buckets, images and, if wanted, FSx for Lustre."""

from typing import Any

import aws_cdk as cdk
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_ecr as ecr
from aws_cdk import aws_fsx as fsx
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_s3 as s3
from constructs import Construct

from stacks.config import StorageConfig
from stacks.shared.acknowledge import acknowledge

_ONE_REGION = (
    "The platform is in one region, as its accelerators are; S3 keeps objects in three zones "
    "of it. A copy elsewhere costs the transfer of every checkpoint."
)

_IMPORTS = "bedrock"  # the prefix in the models bucket that Bedrock imports from


class StorageStack(cdk.Stack):
    """Encrypted buckets for each stage's results, kept or deleted with the stack."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        config: StorageConfig,
        vpc: ec2.IVpc,
        clients: str,
        lustre_zone: str,
        images: str,
        **kwargs: Any,
    ) -> None:
        """`clients`: the addresses that may mount the file system, as a CIDR range.

        `images`: the name of the repository of the workloads' images.
        """
        super().__init__(scope, construct_id, termination_protection=config.retain, **kwargs)
        self._retain = config.retain

        self.key = kms.Key(
            self,
            "Key",
            description="Data, checkpoints, models and compiled graphs",
            enable_key_rotation=True,
            removal_policy=self._removal_policy,
        )
        self.access_logs = self._bucket(
            "AccessLogs",
            # Load balancers cannot write their logs under a key of ours.
            encryption=s3.BucketEncryption.S3_MANAGED,
            lifecycle_rules=[s3.LifecycleRule(expiration=cdk.Duration.days(90))],
        )
        acknowledge(
            self.access_logs,
            {
                "AwsSolutions-S1": "It holds the access logs; logging it would not end.",
                "S3DefaultEncryptionKMS": "Load balancers cannot write their logs under a key of "
                "ours; S3 encrypts them under its own.",
                "S3BucketVersioningEnabled": "Logs are written once and expire after 90 days.",
            },
        )
        data = self._stage_bucket("Data")
        _unversioned(data, "Shards are rebuilt from their source; their manifest is written last.")
        checkpoints = self._stage_bucket("Checkpoints")
        _unversioned(checkpoints, "A step's folder is large, and never written twice.")
        self.models = self._stage_bucket("Models", versioned=True)
        artifacts = self._stage_bucket("Artifacts", expire_after=cdk.Duration.days(180))
        _unversioned(
            artifacts,
            "Compiled graphs, found by a key over all of their inputs: one "
            "that is gone is compiled again.",
        )
        acknowledge(self, {"S3BucketReplicationEnabled": _ONE_REGION})
        self.buckets: tuple[s3.IBucket, ...] = (data, checkpoints, self.models, artifacts)
        self._images(images)
        self._bedrock_import()
        if config.lustre_gib:
            self._lustre(config.lustre_gib, vpc=vpc, zone=lustre_zone, clients=clients)

    @property
    def _removal_policy(self) -> cdk.RemovalPolicy:
        return cdk.RemovalPolicy.RETAIN if self._retain else cdk.RemovalPolicy.DESTROY

    def _stage_bucket(
        self,
        name: str,
        *,
        versioned: bool = False,
        expire_after: cdk.Duration | None = None,
    ) -> s3.Bucket:
        bucket = self._bucket(
            name,
            encryption=s3.BucketEncryption.KMS,
            encryption_key=self.key,
            bucket_key_enabled=True,
            versioned=versioned,
            server_access_logs_bucket=self.access_logs,
            server_access_logs_prefix=f"s3/{name.lower()}/",
            lifecycle_rules=[
                s3.LifecycleRule(
                    abort_incomplete_multipart_upload_after=cdk.Duration.days(7),
                    expiration=expire_after,
                    noncurrent_version_expiration=cdk.Duration.days(30) if versioned else None,
                    transitions=[
                        s3.Transition(
                            storage_class=s3.StorageClass.INTELLIGENT_TIERING,
                            transition_after=cdk.Duration.days(0),
                        )
                    ],
                )
            ],
        )
        cdk.CfnOutput(self, f"{name}Bucket", value=bucket.bucket_name)
        return bucket

    def _bucket(self, name: str, **kwargs: Any) -> s3.Bucket:
        return s3.Bucket(
            self,
            name,
            enforce_ssl=True,
            minimum_tls_version=1.2,
            block_public_access=s3.BlockPublicAccess.BLOCK_ALL,
            object_ownership=s3.ObjectOwnership.BUCKET_OWNER_ENFORCED,
            removal_policy=self._removal_policy,
            auto_delete_objects=not self._retain,
            **kwargs,
        )

    def _images(self, name: str) -> None:
        """A repository for the images with the project's own code, which pods pull.

        Named, because jobs name it before any stack's output is at hand.
        """
        repository = ecr.Repository(
            self,
            "Images",
            repository_name=name,
            encryption=ecr.RepositoryEncryption.KMS,
            encryption_key=self.key,
            # A tag that moved would give a gang's later nodes other code than its first.
            image_tag_mutability=ecr.TagMutability.IMMUTABLE,
            image_scan_on_push=True,
            lifecycle_rules=[
                ecr.LifecycleRule(
                    description="what no tag names any more",
                    tag_status=ecr.TagStatus.UNTAGGED,
                    max_image_age=cdk.Duration.days(14),
                ),
                # The Neuron ones are 10-20 GB each; the oldest of so many runs nowhere any more.
                ecr.LifecycleRule(description="the newest", max_image_count=100),
            ],
            removal_policy=self._removal_policy,
            empty_on_delete=not self._retain,
        )
        cdk.CfnOutput(self, "ImagesRepository", value=repository.repository_uri)

    def _bedrock_import(self) -> None:
        """The role with which Bedrock copies a model out of the bucket, for this account's jobs.

        Bedrock user guide, "Create a service role for custom model import".
        """
        jobs = self.format_arn(service="bedrock", resource="model-import-job", resource_name="*")
        role = iam.Role(
            self,
            "BedrockImport",
            assumed_by=iam.ServicePrincipal(
                "bedrock.amazonaws.com",
                conditions={
                    "StringEquals": {"aws:SourceAccount": self.account},
                    "ArnLike": {"aws:SourceArn": jobs},
                },
            ),
        )
        owned = {"StringEquals": {"aws:ResourceAccount": self.account}}
        listed = {"StringLike": {"s3:prefix": [f"{_IMPORTS}/*"]}}
        for action, resource, conditions in (
            ("s3:GetObject", self.models.arn_for_objects(f"{_IMPORTS}/*"), owned),
            ("s3:ListBucket", self.models.bucket_arn, owned | listed),
            ("kms:Decrypt", self.key.key_arn, None),
        ):
            role.add_to_policy(
                iam.PolicyStatement(actions=[action], resources=[resource], conditions=conditions)
            )
        cdk.Validations.of(role).acknowledge(
            cdk.Acknowledgment(
                id="AwsSolutions-IAM5",
                reason="The objects of the one prefix that is imported from.",
            )
        )
        for name, value in {
            "BedrockImportRole": role.role_arn,
            "BedrockImports": self.models.s3_url_for_object(_IMPORTS),
        }.items():
            cdk.CfnOutput(self, name, value=value)

    def _lustre(self, capacity_gib: int, *, vpc: ec2.IVpc, zone: str, clients: str) -> None:
        """A file system beside the nodes that train, for checkpoints and caches."""
        [subnet] = vpc.select_subnets(availability_zones=[zone]).subnets
        file_system = fsx.LustreFileSystem(
            self,
            "Lustre",
            vpc=vpc,
            vpc_subnet=subnet,
            storage_capacity_gib=capacity_gib,
            kms_key=self.key,
            removal_policy=self._removal_policy,
            lustre_configuration=fsx.LustreConfiguration(
                deployment_type=fsx.LustreDeploymentType.PERSISTENT_2,
                per_unit_storage_throughput=125,  # MB/s per TiB, the least of its class
                data_compression_type=fsx.LustreDataCompressionType.LZ4,
            ),
        )
        file_system.connections.allow_default_port_from(ec2.Peer.ipv4(clients), "nodes mount it")
        cdk.CfnOutput(self, "LustreFileSystem", value=file_system.file_system_id)


def _unversioned(bucket: s3.Bucket, reason: str) -> None:
    acknowledge(bucket, {"S3BucketVersioningEnabled": reason})
