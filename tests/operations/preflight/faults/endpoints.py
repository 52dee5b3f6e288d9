"""What SageMaker can lack."""

from tests.operations.preflight.faults.injected import fault


@fault(
    "prod",
    "endpoint-quotas",
    "fails",
    "ml.inf2.xlarge for endpoint usage",
    "--service-code sagemaker",
)
def no_endpoint_quota(answers):
    rows = answers["service-quotas:ListServiceQuotas"].rows["sagemaker"]["Quotas"]
    for row in rows:
        if "endpoint" in row["QuotaName"]:
            row["Value"] = 0.0


@fault(
    "dev",
    "training-quotas",
    "note",
    "ml.trn1.2xlarge for training job usage",
    "--service-code sagemaker",
)
def no_training_quota(answers):
    rows = answers["service-quotas:ListServiceQuotas"].rows["sagemaker"]["Quotas"]
    for row in rows:
        if row["QuotaName"] == "ml.trn1.2xlarge for training job usage":
            row["Value"] = 0.0


@fault(
    "prod", "endpoint-quotas", "may fail", "lists no quota of ml.inf2.xlarge", "list-service-quotas"
)
def endpoint_type_not_in_the_region(answers):
    answers["service-quotas:ListServiceQuotas"].rows["sagemaker"]["Quotas"] = []


@fault("prod", "endpoint-names", "fails", "endpoint prod-tiny-llama already", "delete-endpoint")
def endpoint_name_is_taken(answers):
    [row] = answers["sagemaker:ListEndpoints"]["Endpoints"]
    answers["sagemaker:ListEndpoints"]["Endpoints"].append(
        row | {"EndpointName": "prod-tiny-llama"}
    )
    rows = answers["sagemaker:DescribeEndpoint"].rows
    rows["prod-tiny-llama"] = rows["Another-Endpoint"]
    variant = answers["sagemaker:DescribeEndpointConfig"]["ProductionVariants"][0]
    variant["InstanceType"] = "ml.m5.large"


@fault(
    "prod",
    "endpoint-models",
    "fails",
    "s3://models/tiny-llama/ is empty",
    "aws s3 cp",
    deployed=True,
)
def model_is_not_exported(answers):
    rows = answers["cloudformation:DescribeStacks"]["Stacks"]
    rows[:] = [row for row in rows if "endpoint" not in row["StackName"]]
    answers["s3:ListObjectsV2"] = {"KeyCount": 0}
    answers["sagemaker:ListEndpoints"] = {"Endpoints": []}


@fault(
    "closed",
    "endpoint-backends",
    "may fail",
    "Another-Endpoint, which the gateway is to call, is missing",
    "describe-endpoint",
)
def backend_is_not_there(answers):
    del answers["sagemaker:DescribeEndpoint"].rows["Another-Endpoint"]
    answers["sagemaker:ListEndpoints"] = {"Endpoints": []}


@fault("closed", "endpoint-backends", "may fail", "is Failed", "describe-endpoint")
def backend_has_failed(answers):
    answers["sagemaker:DescribeEndpoint"].rows["Another-Endpoint"]["EndpointStatus"] = "Failed"
