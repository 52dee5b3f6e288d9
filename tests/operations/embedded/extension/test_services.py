import pytest
from botocore.exceptions import ClientError

from tests.operations.embedded.extension.lifecycle import ROLE


def refusal(call, **parameters) -> tuple[str, str]:
    with pytest.raises(ClientError) as caught:
        call(**parameters)
    error = caught.value.response["Error"]
    return error["Code"], error["Message"]


@pytest.mark.parametrize(
    ("service", "method", "parameters", "words"),
    [
        (
            "sagemaker",
            "create_model",
            {"ModelName": "a_b", "ExecutionRoleArn": ROLE},
            "ModelName is 'a_b', which does not match",
        ),
        (
            "sagemaker",
            "create_endpoint_config",
            {
                "EndpointConfigName": "c",
                "ProductionVariants": [{"VariantName": "v", "InstanceType": "ml.inf9.huge"}],
            },
            "ProductionVariants[0].InstanceType is 'ml.inf9.huge'",
        ),
        (
            "fsx",
            "create_file_system",
            {"FileSystemType": "NFS", "SubnetIds": ["subnet-0123456789abcdef0"]},
            "FileSystemType is 'NFS', but must be one of WINDOWS, LUSTRE",
        ),
        (
            "application-autoscaling",
            "register_scalable_target",
            {
                "ServiceNamespace": "ecs",
                "ResourceId": "service/c/s",
                "ScalableDimension": "ecs:service:Size",
            },
            "ScalableDimension is 'ecs:service:Size'",
        ),
    ],
)
def test_a_request_that_aws_would_refuse_is_refused(emulator, service, method, parameters, words):
    code, message = refusal(getattr(emulator.client(service), method), **parameters)

    assert code == "ValidationException"
    assert words in message


def test_a_log_of_wafs_goes_where_its_name_says_that_it_is_one(emulator):
    configuration = {
        "ResourceArn": "arn:aws:wafv2:us-east-2:000000000000:regional/webacl/acl/1",
        "LogDestinationConfigs": ["arn:aws:logs:us-east-2:000000000000:log-group:mine"],
    }

    code, message = refusal(
        emulator.client("wafv2").put_logging_configuration, LoggingConfiguration=configuration
    )

    assert code == "WAFInvalidParameterException"
    assert "must begin with aws-waf-logs-" in message


def test_beside_what_is_added_to_it_a_service_of_ministacks_answers_for_itself(emulator):
    assert emulator.client("wafv2").list_web_acls(Scope="REGIONAL")["WebACLs"] == []


def test_what_it_does_not_have_it_says(emulator):
    code, message = refusal(emulator.client("sagemaker").stop_training_job, TrainingJobName="job")

    assert code == "UnknownOperationException"
    assert message == "the embedded AWS has no sagemaker StopTrainingJob"


def test_accounts_and_regions_are_apart(emulator):
    from operations.embedded.extension.handler import Place, client

    places = [
        Place(emulator.url, account, region)
        for account, region in (
            ("111122223333", "us-east-2"),
            ("111122223333", "us-west-2"),
            ("444455556666", "us-east-2"),
        )
    ]
    clients = [client("sagemaker", place) for place in places]

    clients[0].create_model(ModelName="mine", ExecutionRoleArn=ROLE)

    assert [len(client.list_models()["Models"]) for client in clients] == [1, 0, 0]
    arn = clients[0].describe_model(ModelName="mine")["ModelArn"]
    assert arn == "arn:aws:sagemaker:us-east-2:111122223333:model/mine"
