import pytest

from workloads.versions import VERSIONS


@pytest.fixture
def endpoint(stacks):
    return stacks("prod")["endpoint-tiny-llama"]


def test_it_serves_one_prefix_of_the_models_bucket_unpacked(endpoint):
    container = endpoint.only("AWS::SageMaker::Model")["PrimaryContainer"]
    source = container["ModelDataSource"]["S3DataSource"]
    _, [scheme, bucket, prefix] = source["S3Uri"]["Fn::Join"]

    assert (scheme, prefix) == ("s3://", "/tiny-llama/")
    assert "PublishOutputRefModels" in bucket["Fn::GetStackOutput"]["OutputName"]
    assert (source["S3DataType"], source["CompressionType"]) == ("S3Prefix", "None")


def test_the_image_is_the_pinned_one_of_the_region(endpoint):
    container = endpoint.only("AWS::SageMaker::Model")["PrimaryContainer"]

    assert container["Image"] == VERSIONS.sagemaker.uri("us-east-2")
    assert "neuronx" in container["Image"]


def test_nothing_is_said_that_the_compiled_model_says_itself(endpoint):
    """optimum-neuron ends the server on a batch size or core count that is not the model's."""
    container = endpoint.only("AWS::SageMaker::Model")["PrimaryContainer"]

    assert container["Environment"] == {
        "SM_ON_MODEL": "/opt/ml/model",
        "SM_ON_SERVED_MODEL_NAME": "tiny-llama",
    }


def test_the_container_has_no_network(endpoint):
    model = endpoint.only("AWS::SageMaker::Model")

    assert model["EnableNetworkIsolation"] is True
    assert "VpcConfig" not in model


def test_loading_may_take_an_hour_on_the_neuron_image(endpoint):
    [variant] = endpoint.only("AWS::SageMaker::EndpointConfig")["ProductionVariants"]

    assert variant["ContainerStartupHealthCheckTimeoutInSeconds"] == 3600
    assert variant["InferenceAmiVersion"] == "al2-ami-sagemaker-inference-neuron-2"
    assert variant["InstanceType"] == "ml.inf2.xlarge"


@pytest.mark.parametrize(
    ("environment", "stack", "encrypts"),
    [("prod", "endpoint-tiny-llama", True), ("closed", "endpoint-big", False)],
)
def test_the_volume_has_our_key_where_the_instance_has_no_disks_of_its_own(
    stacks, environment, stack, encrypts
):
    configuration = stacks(environment)[stack].only("AWS::SageMaker::EndpointConfig")

    assert ("KmsKeyId" in configuration) is encrypts


def test_it_is_called_after_its_environment(endpoint):
    name = endpoint.only("AWS::SageMaker::Endpoint")["EndpointName"]

    assert name == "prod-tiny-llama"
    assert "EndpointName" in endpoint.template["Outputs"]


def test_its_role_reads_that_prefix_and_later_versions_beside_it(endpoint):
    [policy] = endpoint.every("AWS::IAM::Policy").values()
    statements = {
        action: statement
        for statement in policy["PolicyDocument"]["Statement"]
        for action in (
            statement["Action"] if isinstance(statement["Action"], list) else [statement["Action"]]
        )
    }

    folders = ["tiny-llama/*", "tiny-llama.????????????/*"]
    resources = statements["s3:GetObject"]["Resource"]
    read = {resource["Fn::Join"][1][-1] for resource in resources}
    assert read == {f"/{folder}" for folder in folders}
    assert statements["s3:ListBucket"]["Condition"] == {"StringLike": {"s3:prefix": folders}}
    assert not [action for action in statements if action.startswith("s3:Put")]
    assert statements["ecr:BatchGetImage"]["Resource"] == (
        f"arn:aws:ecr:us-east-2:{VERSIONS.sagemaker.account}:repository/"
        f"{VERSIONS.sagemaker.repository}"
    )
