"""Bring a model to a SageMaker endpoint that exists, and take it back if it does not answer.

The endpoint's stack creates it, with a role, an image and an instance type; here only the model
changes. SageMaker itself keeps the former instances until the new ones are healthy.
"""

import hashlib
import json
import time
from dataclasses import dataclass
from typing import Any

from workloads.command import InputError, StageError, progress
from workloads.deploy.package import Package
from workloads.deploy.smoke import answer_of, question

_BUSY = ("Creating", "Updating", "SystemUpdating", "RollingBack")
# What of a configuration is carried over to the next one. CreateEndpointConfig takes nothing else.
_CARRIED = (
    "ProductionVariants",
    "ShadowProductionVariants",
    "KmsKeyId",
    "DataCaptureConfig",
    "AsyncInferenceConfig",
    "ExplainerConfig",
    "ExecutionRoleArn",
    "VpcConfig",
    "EnableNetworkIsolation",
    "MetricsConfig",
)
_CARRIED_OF_MODEL = ("ExecutionRoleArn", "VpcConfig", "EnableNetworkIsolation")


@dataclass(frozen=True, kw_only=True)
class Endpoint:
    """An endpoint as it is now."""

    name: str
    configuration: dict[str, Any]
    model: dict[str, Any]

    @property
    def uri(self) -> str:
        """Where its model's files are, without a slash at the end."""
        source = self.model["PrimaryContainer"]["ModelDataSource"]["S3DataSource"]
        uri: str = source["S3Uri"].rstrip("/")
        return uri


class Deployer:
    """SageMaker, asked again every `poll_seconds` and for `wait_seconds` at most.

    `sagemaker` and `runtime` are the clients of the control plane and of invocations.
    """

    def __init__(
        self,
        sagemaker: Any,
        runtime: Any,
        *,
        poll_seconds: float = 15,
        wait_seconds: float = 2 * 3600,
    ) -> None:
        self._sagemaker = sagemaker
        self._runtime = runtime
        self._poll = poll_seconds
        self._wait = wait_seconds

    def find(self, name: str) -> Endpoint:
        """The endpoint in service. InputError: there is none, or not of a form we deploy to."""
        from botocore.exceptions import ClientError

        try:
            described = self._sagemaker.describe_endpoint(EndpointName=name)
        except ClientError as error:
            if "Could not find" not in str(error):
                raise
            raise InputError(
                f"there is no endpoint {name}: its stack creates it, once its first model is in "
                "the models bucket (python -m workloads.deploy upload)"
            ) from None
        status = described["EndpointStatus"]
        if status != "InService":
            advice = "wait until it is in service" if status in _BUSY else "deploy its stack anew"
            raise InputError(f"endpoint {name} is {status}: {advice}")
        configuration = self._sagemaker.describe_endpoint_config(
            EndpointConfigName=described["EndpointConfigName"]
        )
        variants = configuration["ProductionVariants"]
        if len(variants) != 1:
            raise InputError(f"endpoint {name} has {len(variants)} variants; one is expected")
        model = self._sagemaker.describe_model(ModelName=variants[0]["ModelName"])
        if "ModelDataSource" not in model.get("PrimaryContainer", {}):
            raise InputError(f"the model of endpoint {name} is no folder of files in S3")
        return Endpoint(name=name, configuration=configuration, model=model)

    def deploy(self, endpoint: Endpoint, uri: str, package: Package, *, image: str) -> bool:
        """Serve what lies at `uri`; False if it is what the endpoint serves already.

        StageError: it could not be, and the endpoint serves what it did before.
        """
        container = dict(endpoint.model["PrimaryContainer"])
        source = container["ModelDataSource"]["S3DataSource"]
        container["Image"] = image
        container["ModelDataSource"] = {"S3DataSource": source | {"S3Uri": f"{uri}/"}}
        former: str = endpoint.configuration["EndpointConfigName"]
        revision = _revision(container, package, endpoint.configuration)
        name = f"{endpoint.name[: 63 - len(revision) - 1]}-{revision}"
        if name == former:
            progress(f"endpoint {endpoint.name} serves this model already")
            self._smoke(endpoint.name)
            return False
        self._create(endpoint, name, container)
        progress(f"endpoint {endpoint.name}: {former} → {name}")
        try:
            self._switch(endpoint.name, name)
            self._smoke(endpoint.name)
        except StageError as error:
            self._restore(endpoint.name, former)
            self._forget(name)
            raise StageError(
                f"{error}; endpoint {endpoint.name} serves what it did before ({former})"
            ) from None
        return True

    def _create(self, endpoint: Endpoint, name: str, container: dict[str, Any]) -> None:
        """The model and its configuration, whatever an earlier attempt left of them."""
        self._forget(name)
        self._sagemaker.create_model(
            ModelName=name,
            PrimaryContainer=container,
            **_given(endpoint.model, _CARRIED_OF_MODEL),
        )
        carried = _given(endpoint.configuration, _CARRIED)
        [variant] = carried["ProductionVariants"]
        carried["ProductionVariants"] = [variant | {"ModelName": name}]
        self._sagemaker.create_endpoint_config(EndpointConfigName=name, **carried)

    def _forget(self, name: str) -> None:
        from botocore.exceptions import ClientError

        for delete, key in (
            (self._sagemaker.delete_endpoint_config, "EndpointConfigName"),
            (self._sagemaker.delete_model, "ModelName"),
        ):
            try:
                delete(**{key: name})
            except ClientError as error:
                if "Could not find" not in str(error):
                    raise

    def _switch(self, endpoint: str, configuration: str) -> None:
        """Until the endpoint is in service with this configuration. StageError: it is not."""
        self._sagemaker.update_endpoint(EndpointName=endpoint, EndpointConfigName=configuration)
        described = self._settled(endpoint)
        status, reached = described["EndpointStatus"], described["EndpointConfigName"]
        if status != "InService" or reached != configuration:
            reason = described.get("FailureReason", "SageMaker gives no reason")
            raise StageError(f"endpoint {endpoint} did not take {configuration}: {reason}")

    def _settled(self, endpoint: str) -> dict[str, Any]:
        end = time.monotonic() + self._wait
        seen = ""
        while True:
            described: dict[str, Any] = self._sagemaker.describe_endpoint(EndpointName=endpoint)
            status = described["EndpointStatus"]
            if status != seen:
                progress(f"endpoint {endpoint} is {status}")
                seen = status
            if status not in _BUSY:
                return described
            if time.monotonic() > end:
                raise StageError(f"endpoint {endpoint} is still {status}; look at its logs")
            time.sleep(self._poll)

    def _smoke(self, endpoint: str) -> None:
        """One question. StageError: no answer that is one."""
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            answer = self._runtime.invoke_endpoint(
                EndpointName=endpoint,
                ContentType="application/json",
                Body=json.dumps(question()).encode(),
            )["Body"].read()
        except (ClientError, BotoCoreError) as error:
            raise StageError(f"endpoint {endpoint} does not answer: {error}") from None
        progress(f"endpoint {endpoint} answers: {answer_of(answer)!r}")

    def _restore(self, endpoint: str, configuration: str) -> None:
        """Back to a configuration that has served; StageError with what to do if that fails too."""
        described = self._settled(endpoint)
        if described["EndpointConfigName"] == configuration:
            if described["EndpointStatus"] == "InService":
                return  # SageMaker went back by itself
            raise StageError(f"endpoint {endpoint} is {described['EndpointStatus']}: see its logs")
        try:
            self._switch(endpoint, configuration)
        except StageError as error:
            raise StageError(
                f"{error}; going back failed: update endpoint {endpoint} to {configuration} by hand"
            ) from None


def _revision(container: dict[str, Any], package: Package, configuration: dict[str, Any]) -> str:
    """What tells one deployment from another: the files, the image, the variables, the instance."""
    [variant] = configuration["ProductionVariants"]
    kinds = (variant.get("InstanceType"), variant.get("InferenceAmiVersion"))
    what = [package.sha256, container["Image"], container.get("Environment", {}), kinds]
    return hashlib.sha256(json.dumps(what, sort_keys=True).encode()).hexdigest()[:12]


def _given(described: dict[str, Any], names: tuple[str, ...]) -> dict[str, Any]:
    """The parts of an answer that say something: SageMaker refuses some empty ones."""
    return {name: described[name] for name in names if described.get(name) not in (None, {}, [])}
