"""The gateway: Fargate tasks behind a load balancer, their tenants, and what they may call."""

from collections.abc import Mapping
from typing import Any

import aws_cdk as cdk
import tomli_w
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_s3 as s3
from constructs import Construct

from stacks.config import GatewayConfig
from stacks.gateway import bedrock_access, task_access
from stacks.gateway.attribution import Attribution
from stacks.gateway.firewall import Firewall
from stacks.gateway.front_door import FrontDoor
from stacks.gateway.guardrail import Guardrail
from stacks.gateway.image import gateway_image
from stacks.gateway.service import PORT, GatewayService
from stacks.gateway.tables import ledger_table, tenants_table


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

        key = kms.Key(
            self,
            "Key",
            description="The gateway's tenants, ledger and logs",
            enable_key_rotation=True,
            removal_policy=cdk.RemovalPolicy.RETAIN if retain else cdk.RemovalPolicy.DESTROY,
        )
        self.tenants = tenants_table(self, key=key, retain=retain)
        self.ledger = ledger_table(self, key=key, retain=retain)
        guardrail = Guardrail(self, "Guardrail")
        attribution = Attribution(
            self, "Attribution", models=config.models, tenants=config.cost_tenants
        )
        service = GatewayService(
            self,
            "Service",
            vpc=vpc,
            image=gateway_image(self, config.image),
            key=key,
            config_toml=self._file(guardrail, attribution),
            tenants_table=self.tenants.table_name,
            ledger_table=self.ledger.table_name,
            permissions=[
                *self._permissions(guardrail, attribution),
                *task_access.tables(self.tenants, self.ledger, key, region=self.region),
            ],
        )
        door = FrontDoor(
            self,
            "FrontDoor",
            vpc=vpc,
            public=config.public,
            certificate=config.certificate,
            jwt=config.jwt,
            clients=clients,
            longest_answer=max(model.deadline for model in config.models),
            access_logs=access_logs,
            service=service.service,
            port=PORT,
        )
        Firewall(self, "Firewall", load_balancer=door.load_balancer.load_balancer_arn, key=key)
        self.load_balancer = door.load_balancer
        self.target_group = door.target_group

        for name, value in {
            "TenantsTable": self.tenants.table_name,
            "LedgerTable": self.ledger.table_name,
            "GuardrailId": guardrail.id,
            "GuardrailVersion": guardrail.version,
            "Url": door.url,
        }.items():
            cdk.CfnOutput(self, name, value=value)

    def _endpoint(self, name: str) -> str:
        """An endpoint of this environment by its own name; any other as it is written."""
        return self._endpoints.get(name, name)

    def _file(self, guardrail: Guardrail, attribution: Attribution) -> str:
        """The gateway's own file: the configured models, and what this stack made for them."""
        models = [model.model_dump(exclude_none=True) for model in self._config.models]
        for model in models:
            if "sagemaker" in model:
                model["sagemaker"] = self._endpoint(model["sagemaker"])
            if made := attribution.arns.get(model["name"]):
                model["profiles"] = made | model.get("profiles", {})
        file: dict[str, Any] = {
            "models": models,
            "remote_images": self._config.remote_images,
            "guardrail": {"id": guardrail.id, "version": guardrail.version},
        }
        if self._config.jwt:
            file["jwt"] = {"claim": self._config.jwt.claim}
        return tomli_w.dumps(file)

    def _permissions(
        self, guardrail: Guardrail, attribution: Attribution
    ) -> list[iam.PolicyStatement]:
        models = self._config.models
        given = [bedrock_access.source_of(model.bedrock, self) for model in models if model.bedrock]
        return [
            *bedrock_access.statements([*given, *attribution.sources], stack=self),
            task_access.guardrails([guardrail.arn, *self._config.guardrails]),
            *task_access.endpoints(
                (self._endpoint(model.sagemaker) for model in models if model.sagemaker), self
            ),
        ]
