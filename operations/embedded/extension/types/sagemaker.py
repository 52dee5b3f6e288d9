"""SageMaker: models, endpoint configurations and endpoints."""

from operations.embedded.extension.api_type import ApiType
from operations.embedded.extension.handler import Handler

MODEL = ApiType(
    type="AWS::SageMaker::Model",
    service="sagemaker",
    create_only=(
        "Containers",
        "EnableNetworkIsolation",
        "ExecutionRoleArn",
        "InferenceExecutionConfig",
        "ModelName",
        "PrimaryContainer",
        "VpcConfig",
    ),
    create_call="CreateModel",
    read_call="DescribeModel",
    delete_call="DeleteModel",
    id="{ModelArn}",
    at={"ModelName": "{ModelName}"},
    attributes={"ModelArn": "ModelArn", "ModelName": "ModelName"},
    named_by="ModelName",
)

ENDPOINT_CONFIG = ApiType(
    type="AWS::SageMaker::EndpointConfig",
    service="sagemaker",
    create_only=(
        "AsyncInferenceConfig",
        "DataCaptureConfig",
        "EnableNetworkIsolation",
        "EndpointConfigName",
        "ExecutionRoleArn",
        "ExplainerConfig",
        "KmsKeyId",
        "MetricsConfig",
        "ProductionVariants",
        "ShadowProductionVariants",
        "VpcConfig",
    ),
    create_call="CreateEndpointConfig",
    read_call="DescribeEndpointConfig",
    delete_call="DeleteEndpointConfig",
    id="{EndpointConfigArn}",
    at={"EndpointConfigName": "{EndpointConfigName}"},
    attributes={
        "EndpointConfigArn": "EndpointConfigArn",
        "EndpointConfigName": "EndpointConfigName",
    },
    named_by="EndpointConfigName",
)

ENDPOINT = ApiType(
    type="AWS::SageMaker::Endpoint",
    service="sagemaker",
    create_only=("EndpointName",),
    create_call="CreateEndpoint",
    read_call="DescribeEndpoint",
    update_call="UpdateEndpoint",
    delete_call="DeleteEndpoint",
    id="{EndpointArn}",
    at={"EndpointName": "{EndpointName}"},
    attributes={"EndpointArn": "EndpointArn", "EndpointName": "EndpointName"},
    named_by="EndpointName",
)

HANDLERS: tuple[Handler, ...] = (MODEL, ENDPOINT_CONFIG, ENDPOINT)
