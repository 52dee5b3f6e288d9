"""What whoever holds a role calls, so that each of its statements can be held against it.

A call is an action, a resource and what IAM is told of the request beside them. Resources are
written as tests/test_roles.py reads them in the templates: an ARN, or the construct it is of.
"""

import re
from typing import Any, NamedTuple

from workloads.versions import VERSIONS

ANY = "*"
STREAM = ":log-stream:a"


class Place(NamedTuple):
    """Where a role is: an environment's name and configuration, and a stack of it."""

    name: str
    config: Any
    stack: Any

    @property
    def region(self):
        return self.config.region

    def arn(self, service, resource, account="111122223333"):
        return f"arn:aws:{service}:{self.region}:{account}:{resource}"


def of_flow_logs(place):
    """VPC user guide, "IAM role for publishing flow logs to CloudWatch Logs"."""
    return [
        ("logs:CreateLogStream", f"FlowLogs{STREAM}", {}),
        ("logs:DescribeLogStreams", "FlowLogs:*", {}),
        ("logs:PutLogEvents", f"FlowLogs{STREAM}", {}),
    ]


def of_bedrock_import(place):
    """Bedrock user guide, "Create a service role for custom model import"."""
    return [
        ("s3:ListBucket", "Models", {"s3:prefix": "bedrock/llama/"}),
        ("s3:GetObject", "Models/bedrock/llama/model.safetensors", {}),
        ("kms:Decrypt", "Key", {}),
    ]


def of_kubectl(place):
    """The CDK's handler: `aws eks update-kubeconfig`, and helm's pulls from Amazon's registries."""
    yield "eks:DescribeCluster", "Cluster", {}
    charts = [
        c.get("Repository", "") for c in place.stack.every("Custom::AWSCDK-EKS-HelmChart").values()
    ]
    for chart in charts:
        host, _, name = chart.removeprefix("oci://").partition("/")
        if host == "public.ecr.aws":
            yield "ecr-public:GetAuthorizationToken", ANY, {}
            yield "sts:GetServiceBearerToken", ANY, {}
        elif ".dkr.ecr." in host:
            account, _, _, region, *_ = host.split(".")
            repository = f"arn:aws:ecr:{region}:{account}:repository/{name}"
            yield "ecr:GetAuthorizationToken", ANY, {}
            yield "ecr:BatchGetImage", repository, {}
            yield "ecr:GetDownloadUrlForLayer", repository, {}


def of_framework(place):
    """The CDK's provider framework: framework.ts, outbound.ts."""
    return [
        ("lambda:InvokeFunction", "ClusterKubectlProviderHandler", {}),
        ("lambda:GetFunction", "ClusterKubectlProviderHandler", {}),
    ]


def of_pods(place):
    """workloads/files.py and workloads/deploy/pods/fetch.py; what S3 asks of KMS for them."""
    for bucket in ("Data", "Checkpoints", "Models", "Artifacts"):
        yield "s3:ListBucket", bucket, {"s3:prefix": "run/"}
        # An upload in parts that fails is aborted; its other calls are authorised as PutObject.
        for action in ("GetObject", "PutObject", "DeleteObject", "AbortMultipartUpload"):
            yield f"s3:{action}", f"{bucket}/run/a", {}
    yield "kms:Decrypt", "Key", {}
    yield "kms:GenerateDataKey", "Key", {}
    yield "cloudwatch:PutMetricData", ANY, {"cloudwatch:namespace": f"Training/{place.name}"}


def of_autoscaler(place):
    """kubernetes/autoscaler, cluster-autoscaler/cloudprovider/aws: its calls by service."""
    group = {"aws:resourcetag/eks:cluster-name": "Cluster"}
    nodes = place.arn("eks", "nodegroup/Cluster/trn1/a")
    return [
        ("autoscaling:DescribeAutoScalingGroups", ANY, {}),
        ("autoscaling:DescribeAutoScalingInstances", ANY, {}),
        ("autoscaling:DescribeScalingActivities", ANY, {}),
        ("ec2:DescribeInstanceTypes", ANY, {}),
        ("ec2:DescribeLaunchTemplateVersions", ANY, {}),
        ("eks:DescribeNodegroup", nodes, {}),
        ("autoscaling:SetDesiredCapacity", ANY, group),
        ("autoscaling:TerminateInstanceInAutoScalingGroup", ANY, group),
    ]


def of_agent(place):
    """aws/amazon-cloudwatch-agent: its lines, as metrics are made of them, and a node's tags and
    volumes (awscontainerinsightreceiver, internal/host: ec2tags.go, ebsvolume.go)."""
    for action in ("CreateLogStream", "PutLogEvents"):
        yield f"logs:{action}", f"DeviceMetricsPerformance{STREAM}", {}
    yield "ec2:DescribeTags", ANY, {}
    yield "ec2:DescribeVolumes", ANY, {}


def of_idle(place):
    """workloads/idle.py, and Lambda's own of what it prints."""
    for action in ("CreateLogStream", "PutLogEvents"):
        yield f"logs:{action}", f"IdleLog{STREAM}", {}
    yield "ec2:DescribeInstances", ANY, {}
    yield "cloudwatch:GetMetricData", ANY, {}
    name = place.stack.only("AWS::EKS::Nodegroup")["Labels"]["pool"]
    [pool] = [pool for pool in place.config.pools if pool.name == name]
    if pool.idle_hours is not None:
        yield "eks:DescribeNodegroup", "Nodegroup", {}
        yield "eks:UpdateNodegroupConfig", "Nodegroup", {}


def of_endpoint(place):
    """SageMaker developer guide, "SageMaker AI roles", CreateModel: this model, this image."""
    [model] = [e.model for e in place.config.endpoints]
    image = VERSIONS.sagemaker
    repository = place.arn("ecr", f"repository/{image.repository}", image.account)
    logs = place.arn("logs", "log-group:/aws/sagemaker/Endpoints/a")
    for folder in (model, f"{model}.0123456789ab"):  # and a later version, by its hash
        yield "s3:GetObject", f"Models/{folder}/config.json", {}
        yield "s3:ListBucket", "Models", {"s3:prefix": f"{folder}/"}
    yield "kms:Decrypt", "Key", {}
    yield "ecr:GetAuthorizationToken", ANY, {}
    for action in ("BatchCheckLayerAvailability", "BatchGetImage", "GetDownloadUrlForLayer"):
        yield f"ecr:{action}", repository, {}
    yield "logs:CreateLogGroup", logs, {}
    for action in ("CreateLogStream", "DescribeLogStreams", "PutLogEvents"):
        yield f"logs:{action}", f"{logs}{STREAM}", {}


def of_task_start(place):
    """ECS developer guide, "Amazon ECS task execution IAM role": one image, one group of logs."""
    [task] = place.stack.every("AWS::ECS::TaskDefinition").values()
    [container] = task["ContainerDefinitions"]
    account, region, repository = _repository(container["Image"], place.region)
    if repository:
        arn = f"arn:aws:ecr:{region}:{account}:repository/{repository}"
        yield "ecr:GetAuthorizationToken", ANY, {}
        for action in ("BatchCheckLayerAvailability", "BatchGetImage", "GetDownloadUrlForLayer"):
            yield f"ecr:{action}", arn, {}
    yield "logs:CreateLogStream", f"ServiceLogs{STREAM}", {}
    yield "logs:PutLogEvents", f"ServiceLogs{STREAM}", {}


def _repository(image, region):
    """Account, region and name of an image in ECR; of any other, nothing."""
    text = str(image)
    if "container-assets" in text:
        return "111122223333", region, f"cdk-hnb659fds-container-assets-111122223333-{region}"
    if "dkr.ecr" not in text:
        return "", "", ""
    first, *_, last = image["Fn::Join"][1]
    account, _, _, its_region, *_ = first.split(".")
    return account, its_region, last.lstrip("/").partition("@")[0].partition(":")[0]


def of_gateway(place):
    """workloads/gateway: backends, ledger, tenants; what DynamoDB asks of KMS for them."""
    for model in filter(None, (entry.bedrock for entry in place.config.gateway.models)):
        yield from _invocations(model, place)
    # Of cost_tenants: each calls through a profile of its own.
    for name, profile in place.stack.every("AWS::Bedrock::ApplicationInferenceProfile").items():
        model = re.sub(r"^.*/(?:us\.)?", "", profile["ModelSource"]["CopyFrom"])
        yield from _invoked(re.sub(r"[0-9A-F]{8}$", "", name), behind=model)
    for name in filter(None, (entry.sagemaker for entry in place.config.gateway.models)):
        own = {e.name: f"{place.name}-{e.name}" for e in place.config.endpoints}
        arn = place.arn("sagemaker", f"endpoint/{own.get(name, name).lower()}")
        for action in ("InvokeEndpoint", "InvokeEndpointWithResponseStream"):
            yield f"sagemaker:{action}", arn, {}
    for guardrail in ("Guardrail", *place.config.gateway.guardrails):
        yield "bedrock:ApplyGuardrail", guardrail, {}
    yield "dynamodb:GetItem", "Tenants", {}
    # A transaction's parts are authorised as these.
    for action in ("PutItem", "Query", "UpdateItem"):
        yield f"dynamodb:{action}", "Ledger", {}
    # DynamoDB developer guide, "Authorizing use of a customer managed key".
    via = {"kms:viaservice": f"dynamodb.{place.region}.amazonaws.com"}
    for action in ("Decrypt", "DescribeKey", "Encrypt", "GenerateDataKey"):
        yield f"kms:{action}", "Key", via


def _invocations(model, place):
    if model.startswith("arn:"):
        # Of a profile that was made elsewhere nobody knows the model.
        behind = "amazon.any" if "application-inference-profile" in model else None
        yield from _invoked(model, behind=behind)
        return
    geography, _, name = model.partition(".")
    if geography in ("us", "eu", "global"):
        yield from _invoked(place.arn("bedrock", f"inference-profile/{model}"), behind=name)
    else:
        name = model
        yield from _invoked(place.arn("bedrock", f"foundation-model/{name}", ""))
    yield "bedrock:CountTokens", place.arn("bedrock", f"foundation-model/{name}", ""), {}


def _invoked(first, behind=None):
    """Bedrock user guide, "Prerequisites for inference profiles": a profile, and what is behind."""
    for action in ("bedrock:InvokeModel", "bedrock:InvokeModelWithResponseStream"):
        yield action, first, {}
        if behind:
            where = f"arn:aws:bedrock:eu-north-1::foundation-model/{behind}"
            yield action, where, {"bedrock:inferenceprofilearn": first}


# Stack, beginning of the role's logical ID -> what its holder calls.
CALLS = {
    ("network", "VpcRejectedIAMRole"): of_flow_logs,
    ("storage", "BedrockImport"): of_bedrock_import,
    ("cluster", "KubectlRole"): of_kubectl,
    ("cluster", "ClusterKubectlProviderframeworkonEventServiceRole"): of_framework,
    ("cluster", "WorkloadAccessRole"): of_pods,
    ("cluster", "PlatformAutoscalerRole"): of_autoscaler,
    ("cluster", "DeviceMetricsRole"): of_agent,
    ("pool", "IdleRole"): of_idle,
    ("endpoint", "Role"): of_endpoint,
    ("gateway", "ServiceTaskTaskRole"): of_gateway,
    ("gateway", "ServiceTaskExecutionRole"): of_task_start,
}
