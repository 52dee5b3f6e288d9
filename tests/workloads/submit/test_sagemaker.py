"""The request that SageMaker gets, by the real SDK and over HTTP."""

import json
import re

import boto3
import pytest
from moto.core import DEFAULT_ACCOUNT_ID
from moto.sagemaker.models import sagemaker_backends
from moto.sagemaker.responses import SageMakerResponse
from moto.server import ThreadedMotoServer

from workloads.submit.__main__ import main

TRUST = {
    "Version": "2012-10-17",
    "Statement": [
        {
            "Effect": "Allow",
            "Principal": {"Service": "sagemaker.amazonaws.com"},
            "Action": "sts:AssumeRole",
        }
    ],
}
TRAIN = ("train", "--sagemaker", "--instance-type", "trn1.32xlarge", "--nodes", "2")
IMAGE = "111122223333.dkr.ecr.us-east-1.amazonaws.com/workloads:neuron-sdk2.28.0"


@pytest.fixture
def requests(monkeypatch):
    """The bodies of CreateTrainingJob, as they arrive."""
    bodies = []
    answer = SageMakerResponse.create_training_job

    def record(self):
        bodies.append(json.loads(self.body))
        return answer(self)

    monkeypatch.setattr(SageMakerResponse, "create_training_job", record)
    return bodies


@pytest.fixture
def aws(monkeypatch):
    """An AWS account with a bucket and a role; the role's ARN."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0)
    server.start()
    host, port = server.get_host_and_port()
    for name, value in {
        "AWS_ENDPOINT_URL": f"http://{host}:{port}",
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": "us-east-1",
        # It would ask IAM to simulate the role, which the emulator cannot.
        "SAGEMAKER_VALIDATE_ROLE": "false",
    }.items():
        monkeypatch.setenv(name, value)
    boto3.client("s3").create_bucket(Bucket="runs")
    iam = boto3.client("iam")
    role = iam.create_role(RoleName="Training", AssumeRolePolicyDocument=json.dumps(TRUST))
    yield role["Role"]["Arn"]
    iam.delete_role(RoleName="Training")
    server.stop()


def test_train_becomes_the_request_that_sagemaker_documents(aws, requests, capsys):
    options = ("--role", aws, "--output", "s3://runs/out", "--image", IMAGE, "--hours", "2")
    stage = ("--", "--data", "s3://tokens", "--out", "s3://runs/a b")

    assert main([*TRAIN, *options, "--json", *stage]) == 0

    name = json.loads(capsys.readouterr().out.splitlines()[-1])["training_job"]
    [request] = requests
    [scripts] = request.pop("InputDataConfig")
    assert re.fullmatch(r"train-[0-9a-f]{12}-1", name)
    assert scripts["DataSource"]["S3DataSource"]["S3Uri"].startswith("s3://runs/train/")
    assert request == {
        "TrainingJobName": name,
        "AlgorithmSpecification": {
            "TrainingImage": IMAGE,
            "TrainingInputMode": "File",
            "ContainerEntrypoint": ["/bin/bash"],
            "ContainerArguments": [
                "-c",
                "chmod +x /opt/ml/input/data/sm_drivers/sm_train.sh "
                "&& /opt/ml/input/data/sm_drivers/sm_train.sh",
            ],
        },
        "ResourceConfig": {
            "InstanceType": "ml.trn1.32xlarge",
            "InstanceCount": 2,
            "VolumeSizeInGB": 512,
        },
        "RoleArn": aws,
        "OutputDataConfig": {"S3OutputPath": "s3://runs/out", "CompressionType": "GZIP"},
        "StoppingCondition": {"MaxRuntimeInSeconds": 7200},
        "Environment": {
            "PYTHONUNBUFFERED": "1",
            "PYTHONPATH": "/app",
            "FI_PROVIDER": "efa",
            "FI_EFA_USE_DEVICE_RDMA": "1",
            "CCOM_SOCKET_IFNAME": "eth0",
            "NEURON_RT_VALIDATE_HASH": "TRUE",
            "MALLOC_ARENA_MAX": "64",
        },
        "HyperParameters": {},
    }

    script = _uploaded("sm_train.sh")
    assert (
        "python -m workloads.train.launch --nnodes=2 --nproc-per-node=32"
        " --node-rank=$SM_CURRENT_HOST_RANK --master-addr=$SM_MASTER_ADDR"
        " --master-port=$SM_MASTER_PORT -m workloads.train --device xla --data s3://tokens"
        " --out 's3://runs/a b'"
    ) in script


def test_the_same_command_finds_its_job(aws, requests, capsys):
    """What runs or is done is found; what failed is tried again under the next number."""

    def call(*more, hours="2"):
        options = ("--role", aws, "--output", "s3://runs/out", "--image", IMAGE, "--hours", hours)
        stage = ("--", "--data", "s3://tokens", "--out", "s3://runs/a")
        assert main([*TRAIN, *options, "--json", *more, *stage]) == 0
        told = json.loads(capsys.readouterr().out.splitlines()[-1])
        return told["training_job"], told["new"]

    first, new = call()
    jobs = sagemaker_backends[DEFAULT_ACCOUNT_ID]["us-east-1"].training_jobs

    assert new
    for status in ("Completed", "InProgress", "Stopping"):
        jobs[first].training_job_status = status
        assert call() == (first, False)
    for status in ("Failed", "Stopped"):
        jobs[call()[0]].training_job_status = status
        again, new = call()
        assert new
    assert again == first.removesuffix("-1") + "-3"
    other, new = call(hours="3")
    assert new and not other.startswith(first.removesuffix("-1"))
    assert call("--wait") == (again, False)


def _uploaded(name):
    s3 = boto3.client("s3")
    keys = [entry["Key"] for entry in s3.list_objects_v2(Bucket="runs")["Contents"]]
    [key] = [key for key in keys if key.endswith(f"/{name}")]
    return s3.get_object(Bucket="runs", Key=key)["Body"].read().decode()


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (("--image", IMAGE), "--sagemaker needs --role"),
        (("--image", IMAGE, "--role", "r", "--output", "/tmp"), "is no s3:// URI"),
        (("--role", "r", "--output", "s3://runs"), "give --image"),
    ],
)
def test_what_is_missing_is_one_sentence(options, sentence, capsys):
    assert main([*TRAIN, *options]) == 2

    err = capsys.readouterr().err
    assert err.count("\n") == 1
    assert sentence in err


def test_only_train_goes_to_sagemaker(capsys):
    options = ("--image", IMAGE, "--role", "r", "--output", "s3://runs")

    assert main(["export", "--sagemaker", "--instance-type", "m7a.4xlarge", *options]) == 2
    assert "SageMaker runs train" in capsys.readouterr().err


def test_a_bucket_that_is_not_there_is_not_made(aws, capsys):
    options = ("--role", aws, "--output", "s3://elsewhere/out", "--image", IMAGE)

    assert main([*TRAIN, *options]) == 1
    err = capsys.readouterr().err
    assert "training job train" in err and "Traceback" not in err
    names = {bucket["Name"] for bucket in boto3.client("s3").list_buckets()["Buckets"]}
    assert "elsewhere" not in names and "runs" in names
