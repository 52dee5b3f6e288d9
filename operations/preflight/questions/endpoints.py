"""Whether SageMaker can make the environment's endpoints, and has those that others are to be."""

from collections import Counter
from collections.abc import Iterator

from operations.preflight import quotas
from operations.preflight.aws import Refused
from operations.preflight.needs import endpoint_name
from operations.preflight.registry import Case, Found, question
from stacks.config import EnvironmentConfig


def _endpoints(config: EnvironmentConfig) -> bool:
    return bool(config.endpoints)


@question(
    "endpoint-quotas",
    "endpoints",
    title="SageMaker's quota of each endpoint's instance type has room for it",
    without="The endpoint's stack fails: ResourceLimitExceeded. Most accounts have 0 of every "
    "accelerator.",
    asks=[
        *quotas.ASKS,
        "cloudformation:DescribeStacks",
        "sagemaker:DescribeEndpoint",
        "sagemaker:DescribeEndpointConfig",
        "sagemaker:ListEndpoints",
    ],
    sources=["https://docs.aws.amazon.com/general/latest/gr/sagemaker.html", quotas.SOURCE],
    when=_endpoints,
)
def endpoint_quotas(case: Case) -> Iterator[Found]:
    wanted = Counter(
        endpoint.instance_type
        for endpoint in case.config.endpoints
        if f"endpoint-{endpoint.name}" not in case.stacks
    )
    if not wanted:
        return
    used = _in_use(case)
    by_name = {limit.name.casefold(): limit for limit in quotas.limits(case, "sagemaker")}
    for kind, count in wanted.items():
        limit = by_name.get(f"{kind} for endpoint usage")
        if limit is None:
            yield Found(
                "may fail",
                f"SageMaker lists no quota of {kind} for endpoints in {case.region}",
                case.command("service-quotas list-service-quotas --service-code sagemaker"),
                "The region may not have the type.",
            )
        elif used[kind] + count > limit.value:
            yield Found(
                "fails",
                f"{limit.name} ({limit.code}) is {limit.value:g}, {used[kind]} are in use, and "
                f"{case.name} adds {count}",
                quotas.increase(limit, used[kind] + count),
            )


def _in_use(case: Case) -> Counter[str]:
    """The instances that every endpoint of the region runs on, by type."""
    used: Counter[str] = Counter()
    for row in case.ask("sagemaker", "ListEndpoints")["Endpoints"]:
        name = row["EndpointName"]
        endpoint = case.ask("sagemaker", "DescribeEndpoint", EndpointName=name)
        config = case.ask(
            "sagemaker",
            "DescribeEndpointConfig",
            EndpointConfigName=endpoint["EndpointConfigName"],
        )
        for variant in config["ProductionVariants"]:
            if kind := variant.get("InstanceType"):
                used[kind] += variant.get("InitialInstanceCount", 1)
    return used


@question(
    "training-quotas",
    "endpoints",
    title="SageMaker may run a training job on the pools' accelerators",
    without="`python -m workloads.submit … --sagemaker` fails: ResourceLimitExceeded. Jobs of the "
    "cluster do not need it.",
    asks=quotas.ASKS,
    sources=["https://docs.aws.amazon.com/general/latest/gr/sagemaker.html", quotas.SOURCE],
    when=lambda config: any(pool.hardware.neuron for pool in config.pools),
)
def training_quotas(case: Case) -> Iterator[Found]:
    by_name = {limit.name.casefold(): limit for limit in quotas.limits(case, "sagemaker")}
    types = {p.instance_type for p in case.config.pools if p.hardware.neuron}
    for name in sorted(types):
        limit = by_name.get(f"ml.{name} for training job usage")
        if limit and not limit.value:
            yield Found("note", f"{limit.name} ({limit.code}) is 0", quotas.increase(limit, 1))


@question(
    "endpoint-names",
    "endpoints",
    title="No endpoint that another stack or hand made has the name of one of the environment's",
    without="The endpoint's stack fails: cannot create already existing endpoint.",
    asks=["cloudformation:DescribeStacks", "sagemaker:ListEndpoints"],
    sources=["https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_CreateEndpoint.html"],
    when=_endpoints,
)
def endpoint_names(case: Case) -> Iterator[Found]:
    taken = {row["EndpointName"] for row in case.ask("sagemaker", "ListEndpoints")["Endpoints"]}
    for endpoint in case.config.endpoints:
        name = endpoint_name(case.name, endpoint.name)
        if name in taken and f"endpoint-{endpoint.name}" not in case.stacks:
            yield Found(
                "fails",
                f"there is an endpoint {name} already, and no stack of {case.name} has made it",
                case.command(f"sagemaker delete-endpoint --endpoint-name {name}"),
            )


@question(
    "endpoint-models",
    "endpoints",
    title="Each endpoint's model is in the models bucket",
    without="The endpoint's stack waits for an hour and fails: no model at the prefix.",
    asks=["cloudformation:DescribeStacks", "s3:ListObjectsV2"],
    sources=[
        "https://docs.aws.amazon.com/sagemaker/latest/dg/large-model-inference-uncompressed.html"
    ],
    when=_endpoints,
)
def endpoint_models(case: Case) -> Iterator[Found]:
    missing = [e for e in case.config.endpoints if f"endpoint-{e.name}" not in case.stacks]
    bucket = case.output("storage", "ModelsBucket")
    for endpoint in missing:
        command = (
            f"aws s3 cp --recursive FOLDER s3://{bucket or 'MODELS_BUCKET'}/{endpoint.model}/"
            "  # a folder that optimum-cli export neuron wrote"
        )
        if bucket is None:
            yield Found(
                "note",
                f"the endpoint {endpoint.name} needs its model in the bucket before its stack is "
                "deployed, and there is no bucket yet",
                f"{case.cdk('deploy', 'storage')} && {command}",
            )
            continue
        answer = case.ask("s3", "ListObjectsV2", Bucket=bucket, Prefix=f"{endpoint.model}/")
        if not answer.get("Contents"):
            yield Found("fails", f"s3://{bucket}/{endpoint.model}/ is empty", command)


@question(
    "endpoint-backends",
    "endpoints",
    title="SageMaker endpoints that the gateway calls and the environment does not make are there",
    without="The gateway answers for the model with 503, or its fallback's answer.",
    asks=["sagemaker:DescribeEndpoint"],
    sources=["https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_DescribeEndpoint.html"],
    when=lambda config: bool(_others(config)),
)
def endpoint_backends(case: Case) -> Iterator[Found]:
    for name in _others(case.config):
        state = "missing"
        try:
            answer = case.ask("sagemaker", "DescribeEndpoint", EndpointName=name)
            state = answer["EndpointStatus"]
        except Refused as error:
            if error.code != "ValidationException":
                raise
        if state != "InService":
            yield Found(
                "may fail",
                f"SageMaker endpoint {name}, which the gateway is to call, is {state}",
                case.command(f"sagemaker describe-endpoint --endpoint-name {name}"),
            )


def _others(config: EnvironmentConfig) -> list[str]:
    own = {endpoint.name for endpoint in config.endpoints}
    named = (model.sagemaker for model in config.gateway.models if model.sagemaker)
    return list(dict.fromkeys(name for name in named if name not in own))
