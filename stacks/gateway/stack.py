"""The gateway: Fargate tasks behind a load balancer, their tenants, and what they may call."""

from collections.abc import Mapping
from typing import Any

import aws_cdk as cdk
import tomli_w
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_s3 as s3
from constructs import Construct

from stacks.config import GatewayConfig
from stacks.gateway import bedrock_access
from stacks.gateway.front_door import FrontDoor
from stacks.gateway.guardrail import Guardrail
from stacks.gateway.image import gateway_image
from stacks.gateway.service import PORT, GatewayService


class GatewayStack(cdk.Stack):
    """One URL for every model of the environment, with a tenant per API key."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        config: GatewayConfig,
        endpoints: Mapping[str, str],
        vpc: ec2.IVpc,
        clients: str,
        access_logs: s3.IBucket,
        retain: bool,
        **kwargs: Any,
    ) -> None:
        """`endpoints` maps the name of an [[endpoints]] entry to the endpoint's own name.

        `clients`: the addresses that may call a gateway that is not public, as a CIDR range.
        """
        super().__init__(scope, construct_id, **kwargs)
        self._config = config
        self._endpoints = endpoints
        removal = cdk.RemovalPolicy.RETAIN if retain else cdk.RemovalPolicy.DESTROY

        key = kms.Key(
            self,
            "Key",
            description="The gateway's tenants and logs",
            enable_key_rotation=True,
            removal_policy=removal,
        )
        self.tenants = dynamodb.TableV2(
            self,
            "Tenants",
            partition_key=dynamodb.Attribute(name="key_sha256", type=dynamodb.AttributeType.STRING),
            encryption=dynamodb.TableEncryptionV2.customer_managed_key(key),
            point_in_time_recovery_specification=dynamodb.PointInTimeRecoverySpecification(
                point_in_time_recovery_enabled=True
            ),
            deletion_protection=retain,
            removal_policy=removal,
        )
        guardrail = Guardrail(self, "Guardrail")

        service = GatewayService(
            self,
            "Service",
            vpc=vpc,
            image=gateway_image(self, config.image),
            key=key,
            config_toml=self._file(guardrail),
            table_name=self.tenants.table_name,
            permissions=self._permissions(guardrail, key),
        )
        door = FrontDoor(
            self,
            "FrontDoor",
            vpc=vpc,
            public=config.public,
            certificate=config.certificate,
            clients=clients,
            access_logs=access_logs,
            service=service.service,
            port=PORT,
        )
        self.load_balancer = door.load_balancer
        self.target_group = door.target_group

        for name, value in {
            "TenantsTable": self.tenants.table_name,
            "GuardrailId": guardrail.id,
            "GuardrailVersion": guardrail.version,
            "Url": door.url,
        }.items():
            cdk.CfnOutput(self, name, value=value)

    def _endpoint(self, name: str) -> str:
        """An endpoint of this environment by its own name; any other as it is written."""
        return self._endpoints.get(name, name)

    def _file(self, guardrail: Guardrail) -> str:
        """The gateway's own file: the configured models, and the guardrail of this stack."""
        models = [model.model_dump(exclude_none=True) for model in self._config.models]
        for model in models:
            if "sagemaker" in model:
                model["sagemaker"] = self._endpoint(model["sagemaker"])
        return tomli_w.dumps(
            {
                "models": models,
                "guardrail": {"id": guardrail.id, "version": guardrail.version},
            }
        )

    def _permissions(self, guardrail: Guardrail, key: kms.IKey) -> list[iam.PolicyStatement]:
        models = self._config.models
        bedrock = [model.bedrock for model in models if model.bedrock]
        statements = [
            *bedrock_access.statements(bedrock, stack=self),
            iam.PolicyStatement(actions=["dynamodb:GetItem"], resources=[self.tenants.table_arn]),
            iam.PolicyStatement(
                actions=["kms:Decrypt", "kms:DescribeKey"], resources=[key.key_arn]
            ),
        ]
        if bedrock:
            statements.append(
                iam.PolicyStatement(actions=["bedrock:ApplyGuardrail"], resources=[guardrail.arn])
            )
        endpoints = [self._endpoint(model.sagemaker) for model in models if model.sagemaker]
        if endpoints:
            statements.append(
                iam.PolicyStatement(
                    actions=[
                        "sagemaker:InvokeEndpoint",
                        "sagemaker:InvokeEndpointWithResponseStream",
                    ],
                    # SageMaker writes endpoint names in lower case in their ARNs.
                    resources=[
                        self.format_arn(
                            service="sagemaker", resource="endpoint", resource_name=name.lower()
                        )
                        for name in endpoints
                    ],
                )
            )
        return statements
