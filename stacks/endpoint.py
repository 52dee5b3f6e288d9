"""A SageMaker real-time endpoint for one model of the models bucket, on Inferentia or Trainium."""

from typing import Any

import aws_cdk as cdk
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_sagemaker as sagemaker
from constructs import Construct

from stacks.config import EndpointConfig
from stacks.shared.acknowledge import acknowledge
from workloads.hardware import INSTANCES
from workloads.versions import VERSIONS

_MODEL_FOLDER = "/opt/ml/model"  # where SageMaker puts a model's files
_VARIANT = "main"


class EndpointStack(cdk.Stack):
    """The model, its configuration and the endpoint.

    A stack of its own, because creating it needs a model in the bucket: one compiled for this
    instance's chips, as `optimum-cli export neuron` writes it. Batch size, sequence length and
    cores are the compiled model's; the server refuses others.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        config: EndpointConfig,
        endpoint_name: str,
        models: s3.IBucket,
        **kwargs: Any,
    ) -> None:
        super().__init__(scope, construct_id, **kwargs)
        hardware = INSTANCES[config.instance_type.removeprefix("ml.")]
        image = VERSIONS.sagemaker

        key = models.encryption_key
        assert key is not None, "the storage stack encrypts its buckets"
        role = self._role(prefix=config.model, models=models, key=key)
        container = sagemaker.CfnModel
        model = container(
            self,
            "Model",
            execution_role_arn=role.role_arn,
            # The container needs no network: SageMaker itself brings the model and its calls.
            # So there is no VPC to put it in either.
            enable_network_isolation=True,
            primary_container=container.ContainerDefinitionProperty(
                image=image.uri(self.region),
                model_data_source=container.ModelDataSourceProperty(
                    s3_data_source=container.S3DataSourceProperty(
                        s3_uri=f"s3://{models.bucket_name}/{config.model}/",
                        s3_data_type="S3Prefix",
                        compression_type="None",
                    )
                ),
                environment={
                    "SM_ON_MODEL": _MODEL_FOLDER,
                    "SM_ON_SERVED_MODEL_NAME": config.name,
                },
            ),
        )
        model.node.add_dependency(role)
        settings = sagemaker.CfnEndpointConfig
        configuration = settings(
            self,
            "Configuration",
            # Where an instance has disks of its own, they are encrypted and take no key.
            kms_key_id=None if hardware.local_nvme_gb else key.key_arn,
            production_variants=[
                settings.ProductionVariantProperty(
                    variant_name=_VARIANT,
                    model_name=model.attr_model_name,
                    instance_type=config.instance_type,
                    initial_instance_count=1,
                    initial_variant_weight=1,
                    inference_ami_version=image.inference_ami,
                    model_data_download_timeout_in_seconds=3600,  # the most SageMaker allows
                    container_startup_health_check_timeout_in_seconds=3600,  # weights onto chips
                )
            ],
        )
        if configuration.kms_key_id is None:
            acknowledge(
                configuration,
                {
                    "SageMakerEndpointConfigurationKMSKeyConfigured": "The disks of this instance "
                    "type are encrypted by its hardware; SageMaker refuses a key for them.",
                },
            )
        endpoint = sagemaker.CfnEndpoint(
            self,
            "Endpoint",
            # A name of ours, so that the gateway can be deployed before there is a model.
            endpoint_name=endpoint_name,
            endpoint_config_name=configuration.attr_endpoint_config_name,
        )
        cdk.CfnOutput(self, "EndpointName", value=endpoint.attr_endpoint_name)

    def _role(self, *, prefix: str, models: s3.IBucket, key: kms.IKey) -> iam.Role:
        """What SageMaker does for the endpoint: fetch one model and one image, write its logs."""
        role = iam.Role(self, "Role", assumed_by=iam.ServicePrincipal("sagemaker.amazonaws.com"))
        image = VERSIONS.sagemaker
        # The folder, and beside it later versions, which workloads.deploy names after their hash.
        folders = (prefix, f"{prefix}.{'?' * 12}")
        statements = [
            (
                ["s3:GetObject"],
                [models.arn_for_objects(f"{folder}/*") for folder in folders],
                None,
            ),
            (
                ["s3:ListBucket"],
                [models.bucket_arn],
                {"StringLike": {"s3:prefix": [f"{folder}/*" for folder in folders]}},
            ),
            (["kms:Decrypt"], [key.key_arn], None),
            (
                [
                    "ecr:BatchCheckLayerAvailability",
                    "ecr:BatchGetImage",
                    "ecr:GetDownloadUrlForLayer",
                ],
                [
                    self.format_arn(
                        service="ecr",
                        account=image.account,
                        resource="repository",
                        resource_name=image.repository,
                    )
                ],
                None,
            ),
            (["ecr:GetAuthorizationToken"], ["*"], None),
            (
                [
                    "logs:CreateLogGroup",
                    "logs:CreateLogStream",
                    "logs:DescribeLogStreams",
                    "logs:PutLogEvents",
                ],
                [
                    self.format_arn(
                        service="logs",
                        resource="log-group",
                        resource_name="/aws/sagemaker/Endpoints/*",
                        arn_format=cdk.ArnFormat.COLON_RESOURCE_NAME,
                    )
                ],
                None,
            ),
        ]
        for actions, resources, conditions in statements:
            role.add_to_policy(
                iam.PolicyStatement(actions=actions, resources=resources, conditions=conditions)
            )
        acknowledge(
            role,
            {
                "AwsSolutions-IAM5": "The objects of one model's prefix, the log streams of "
                "endpoints, and signing in to ECR, which cannot be limited to a registry.",
            },
        )
        return role
