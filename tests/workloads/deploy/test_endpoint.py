"""A model into a SageMaker endpoint: forward, and back when it does not answer."""

from collections.abc import Iterator

import pytest

from tests.workloads.deploy.fakes import REGION, SageMaker, client, served
from workloads.command import InputError, StageError
from workloads.deploy.endpoint import Deployer
from workloads.deploy.package import Package
from workloads.versions import VERSIONS

IMAGE = VERSIONS.sagemaker.uri(REGION)
FORMER = "stack-made"


def package(text: str = "a") -> Package:
    return Package(files={"config.json": {"bytes": 1, "sha256": text}})


@pytest.fixture
def sagemaker() -> SageMaker:
    return SageMaker()


@pytest.fixture
def api(sagemaker, monkeypatch) -> Iterator[object]:
    """A client of it, with the endpoint that the stack has made."""
    with served(sagemaker) as url:
        api = client("sagemaker", url)
        api._own_url = url
        api.create_model(
            ModelName=FORMER,
            ExecutionRoleArn="arn:aws:iam::111122223333:role/endpoint",
            EnableNetworkIsolation=True,
            PrimaryContainer={
                "Image": IMAGE,
                "Environment": {"SM_ON_MODEL": "/opt/ml/model"},
                "ModelDataSource": {
                    "S3DataSource": {
                        "S3Uri": "s3://models/tiny/",
                        "S3DataType": "S3Prefix",
                        "CompressionType": "None",
                    }
                },
            },
        )
        api.create_endpoint_config(
            EndpointConfigName=FORMER,
            KmsKeyId="key",
            ProductionVariants=[
                {
                    "VariantName": "main",
                    "ModelName": FORMER,
                    "InstanceType": "ml.inf2.xlarge",
                    "InitialInstanceCount": 1,
                    "InferenceAmiVersion": VERSIONS.sagemaker.inference_ami,
                }
            ],
        )
        api.create_endpoint(EndpointName="dev-tiny", EndpointConfigName=FORMER)
        api.describe_endpoint(EndpointName="dev-tiny")  # it comes into service
        yield api


@pytest.fixture
def deployer(api) -> Deployer:
    return Deployer(api, client("sagemaker-runtime", api._own_url), poll_seconds=0)


def test_the_endpoint_serves_the_new_model(deployer, api, sagemaker):
    found = deployer.find("dev-tiny")
    assert found.uri == "s3://models/tiny"

    assert deployer.deploy(found, "s3://models/tiny.0123456789ab", package(), image=IMAGE)

    after = deployer.find("dev-tiny")
    assert after.uri == "s3://models/tiny.0123456789ab"
    assert after.configuration["EndpointConfigName"].startswith("dev-tiny-")
    [variant] = after.configuration["ProductionVariants"]
    [before] = found.configuration["ProductionVariants"]
    assert variant | {"ModelName": ""} == before | {"ModelName": ""}
    assert after.configuration["KmsKeyId"] == "key"
    for key in ("ExecutionRoleArn", "EnableNetworkIsolation"):
        assert after.model[key] == found.model[key]
    assert after.model["PrimaryContainer"]["Environment"] == {"SM_ON_MODEL": "/opt/ml/model"}
    assert sagemaker.calls.count("InvokeEndpoint") == 1


def test_the_same_model_again_changes_nothing(deployer, api, sagemaker):
    deployer.deploy(deployer.find("dev-tiny"), "s3://models/tiny.1", package(), image=IMAGE)
    sagemaker.calls.clear()

    assert not deployer.deploy(
        deployer.find("dev-tiny"), "s3://models/tiny.1", package(), image=IMAGE
    )

    assert "UpdateEndpoint" not in sagemaker.calls
    assert "InvokeEndpoint" in sagemaker.calls


@pytest.mark.parametrize("other", [{"text": "b"}, {"image": f"{IMAGE}-newer"}])
def test_other_files_or_another_image_are_another_deployment(deployer, other):
    deployer.deploy(deployer.find("dev-tiny"), "s3://models/tiny.1", package(), image=IMAGE)

    assert deployer.deploy(
        deployer.find("dev-tiny"),
        "s3://models/tiny.2",
        package(other.get("text", "a")),
        image=other.get("image", IMAGE),
    )


class TestGoingBack:
    """The endpoint serves what it did, nothing of the attempt is left, and the reason is said."""

    def attempt(self, deployer) -> str:
        with pytest.raises(StageError) as failed:
            deployer.deploy(deployer.find("dev-tiny"), "s3://models/tiny.1", package(), image=IMAGE)
        return str(failed.value)

    def check(self, deployer, sagemaker) -> None:
        assert deployer.find("dev-tiny").configuration["EndpointConfigName"] == FORMER
        assert sagemaker.names("Model") == {FORMER}
        assert sagemaker.names("EndpointConfig") == {FORMER}

    def test_when_the_instances_stay_unhealthy(self, deployer, sagemaker, monkeypatch):
        name = self.next_name(deployer, sagemaker)
        sagemaker.refused.add(name)

        said = self.attempt(deployer)

        assert "did not take" in said
        assert "the health check failed" in said
        assert said.endswith(f"serves what it did before ({FORMER})")
        self.check(deployer, sagemaker)

    def test_when_it_does_not_answer(self, deployer, sagemaker):
        sagemaker.silent.add(self.next_name(deployer, sagemaker))

        said = self.attempt(deployer)

        assert "does not answer" in said
        assert "the container crashed" in said
        self.check(deployer, sagemaker)

    def test_when_the_answer_has_no_text(self, deployer, sagemaker):
        sagemaker.empty = True

        assert "no chat completion with a text" in self.attempt(deployer)
        self.check(deployer, sagemaker)

    def test_when_that_fails_too_the_sentence_says_what_to_do(self, deployer, sagemaker):
        sagemaker.silent.add(self.next_name(deployer, sagemaker))
        sagemaker.refused.add(FORMER)

        assert f"update endpoint dev-tiny to {FORMER} by hand" in self.attempt(deployer)

    def next_name(self, deployer, sagemaker) -> str:
        """What the deployment of these files will be called."""
        found = deployer.find("dev-tiny")
        deployer.deploy(found, "s3://models/tiny.1", package(), image=IMAGE)
        name = deployer.find("dev-tiny").configuration["EndpointConfigName"]
        sagemaker.endpoint("dev-tiny")["EndpointConfigName"] = FORMER
        deployer._forget(name)
        sagemaker.calls.clear()
        return name


def test_an_endpoint_that_is_not_there_is_its_stacks_to_create(deployer):
    with pytest.raises(InputError, match="there is no endpoint other: its stack creates it"):
        deployer.find("other")


@pytest.mark.parametrize(
    ("status", "advice"), [("Updating", "wait"), ("Failed", "deploy its stack anew")]
)
def test_an_endpoint_out_of_service_is_left_alone(deployer, sagemaker, status, advice):
    sagemaker.endpoint("dev-tiny")["EndpointStatus"] = status

    with pytest.raises(InputError, match=f"is {status}: {advice}"):
        deployer.find("dev-tiny")
