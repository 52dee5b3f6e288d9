"""What registries and storage can lack."""

from tests.operations.preflight.faults.injected import fault, set_quota
from tests.operations.preflight.healthy_ec2 import ACCOUNT


@fault("demo", "gateway-image", "fails", "no image 111122223333.dkr.ecr", "docker buildx")
def gateway_image_is_not_pushed(answers):
    del answers["ecr:BatchGetImage"].rows[ACCOUNT, "ai-silicon/gateway", "1"]


@fault("demo", "gateway-image", "fails", "is for amd64, and the tasks are arm64", "linux/arm64")
def gateway_image_for_another_processor(answers):
    answers["ecr:BatchGetImage"].rows[ACCOUNT, "ai-silicon/gateway", "1"] = (
        '{"manifests": [{"platform": {"architecture": "amd64"}},'
        ' {"platform": {"architecture": "unknown"}}]}'
    )


@fault("prod", "endpoint-image", "fails", "huggingface-vllm-inference-neuronx", "versions.toml")
def endpoint_image_is_withdrawn(answers):
    rows = answers["ecr:BatchGetImage"].rows
    for key in [key for key in rows if key[0] == "763104351884"]:
        del rows[key]


@fault(
    "prod",
    "job-images",
    "may fail",
    "prod/workloads:neuron-sdk2.28.0-",
    "workloads.images --build neuron-sdk2.28.0 --to ",
    deployed=True,
)
def job_image_is_not_pushed(answers):
    rows = answers["ecr:BatchGetImage"].rows
    for key in [key for key in rows if key[2].startswith("neuron-sdk2.28.0")]:
        del rows[key]


@fault(
    "prod",
    "repository-name",
    "fails",
    "repository prod/workloads already",
    "ecr delete-repository --force --repository-name prod/workloads",
)
def repository_was_left_behind(answers):
    answers["ecr:DescribeRepositories"].rows.add("prod/workloads")


@fault("closed", "mirrored", "fails", "lacks", "operations.mirror closed --script")
def chart_is_not_mirrored(answers):
    rows = answers["ecr:BatchGetImage"].rows
    for key in [key for key in rows if "kueue" in key[1]]:
        del rows[key]


@fault(
    "prod",
    "buckets",
    "fails",
    "buckets of the account",
    "--service-code s3 --quota-code L-DC2B2D3D --desired-value 6 --region us-east-1",
)
def no_bucket_left(answers):
    set_quota(answers, "s3", "L-DC2B2D3D", 5.0)


@fault("prod", "volumes", "may fail", "TiB of gp3 volumes", "L-7A658B76")
def too_little_disk(answers):
    answers["ec2:DescribeVolumes"]["Volumes"] = [{"VolumeId": "vol-1", "Size": 16000}] * 3


@fault("closed", "lustre", "fails", "Lustre Persistent_2", "--service-code fsx")
def no_file_system_left(answers):
    row = {"FileSystemType": "LUSTRE", "LustreConfiguration": {"DeploymentType": "PERSISTENT_2"}}
    answers["fsx:DescribeFileSystems"]["FileSystems"] = [row] * 2
    set_quota(answers, "fsx", "L-FD6F2F22", 2.0)
