"""AWS on a loopback socket, as far as deployments speak to it; requests are held to its models."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config

from operations.embedded.extension.services.sagemaker import SAGEMAKER
from operations.embedded.extension.shapes import request_shape, violations

ACCOUNT, REGION = "111122223333", "us-east-2"
Answer = tuple[int, dict[str, Any] | str]


def change(file: Path, **values: object) -> None:
    """Set keys of a JSON object; None removes one."""
    table = json.loads(file.read_text()) | values
    file.write_text(json.dumps({k: v for k, v in table.items() if v is not None}))


def error(status: int, code: str, message: str) -> Answer:
    return status, {"__type": code, "message": message}


@contextmanager
def served(answer: Callable[[str, str, dict[str, str], bytes], Answer]) -> Iterator[str]:
    """The URL at which `answer` gets method, path, headers and body of every request."""

    class Handler(BaseHTTPRequestHandler):
        def _do(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length", 0)))
            headers = {name.lower(): value for name, value in self.headers.items()}
            status, said = answer(self.command, self.path, headers, body)
            text = said if isinstance(said, str) else json.dumps(said, default=str)
            data = text.encode()
            self.send_response(status)
            if not isinstance(said, str) and "__type" in said:
                self.send_header("x-amzn-errortype", said["__type"])
            self.send_header("content-length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        do_GET = do_POST = do_PATCH = _do

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def client(service: str, url: str) -> Any:
    return boto3.client(
        service,
        endpoint_url=url,
        region_name=REGION,
        aws_access_key_id=ACCOUNT,
        aws_secret_access_key="test",
        config=Config(retries={"mode": "standard", "total_max_attempts": 1}),
    )


class SageMaker:
    """The embedded AWS's control plane, whose endpoints come into service here, and their calls.

    `refused` are configurations whose instances never get healthy: SageMaker goes back by itself.
    `silent` are those whose containers answer every call with an error.
    """

    def __init__(self) -> None:
        self.refused: set[str] = set()
        self.silent: set[str] = set()
        self.empty = False
        self.calls: list[str] = []
        self._before: dict[str, str] = {}

    def __call__(self, method: str, path: str, headers: dict[str, str], body: bytes) -> Answer:
        if target := headers.get("x-amz-target"):
            operation = target.removeprefix(SAGEMAKER.target)
            self.calls.append(operation)
            if operation == "UpdateEndpoint":
                name = json.loads(body)["EndpointName"]
                self._before[name] = self.endpoint(name)["EndpointConfigName"]
                status, said = self._control(operation, body)
                self.endpoint(name)["EndpointStatus"] = "Updating"
                return status, said
            answer = self._control(operation, body)
            if operation == "DescribeEndpoint" and answer[0] == 200:
                self._advance(json.loads(body)["EndpointName"])
            return answer
        name = path.split("/")[2]
        self.calls.append("InvokeEndpoint")
        if self._serving(name) in self.silent:
            return error(424, "ModelError", "the container crashed")
        text = "" if self.empty else f"once {json.loads(body)['messages'][0]['content']}"
        return 200, {"choices": [{"message": {"content": text}}]}

    def _control(self, operation: str, body: bytes) -> Answer:
        return SAGEMAKER.answer(operation, body, self.account, REGION)

    @property
    def account(self) -> str:
        return f"{id(self):012d}"[-12:]

    def endpoint(self, name: str) -> dict[str, Any]:
        """The record itself."""
        store = SAGEMAKER._stores[(self.account, REGION)]
        return store.kinds["Endpoint"][name]

    def names(self, kind: str) -> set[str]:
        return set(SAGEMAKER._stores[(self.account, REGION)].kinds[kind])

    def _serving(self, name: str) -> str:
        return self.endpoint(name)["EndpointConfigName"]

    def _advance(self, name: str) -> None:
        """What the next description will say: an update ends, well or by going back."""
        record = self.endpoint(name)
        if record["EndpointStatus"] not in ("Creating", "Updating"):
            return
        record["EndpointStatus"] = "InService"
        if record["EndpointConfigName"] in self.refused:
            record["EndpointConfigName"] = self._before[name]
            record["FailureReason"] = "the health check failed"


class Bedrock:
    """Custom Model Import by its REST API: jobs that take some polls, models that load slowly."""

    def __init__(self) -> None:
        self.jobs: list[dict[str, Any]] = []
        self.models: dict[str, dict[str, Any]] = {}
        self.calls: list[str] = []
        self.polls = 2  # until a job ends
        self.failure: str | None = None  # with which it ends
        self.cold = 2  # calls that find the model not ready
        self.instruct = True

    def __call__(self, method: str, path: str, headers: dict[str, str], body: bytes) -> Answer:
        from urllib.parse import parse_qs, unquote, urlsplit

        parts = urlsplit(path)
        match method, *unquote(parts.path).strip("/").split("/", 1):
            case "POST", "model-import-jobs":
                return self._create(json.loads(body))
            case "GET", "model-import-jobs":
                [wanted] = parse_qs(parts.query)["nameContains"]
                found = [job for job in self.jobs if wanted in job["jobName"]]
                return 200, {"modelImportJobSummaries": found}
            case "GET", "model-import-jobs", arn:
                return self._poll(arn)
            case "GET", "imported-models", name:
                if name in self.models:
                    return 200, self.models[name]
                return error(404, "ResourceNotFoundException", f"no model {name}")
            case "POST", "model", rest:
                return self._converse(rest)
        return error(404, "UnknownOperationException", path)

    def _create(self, request: dict[str, Any]) -> Answer:
        self.calls.append("create")
        if broken := list(violations(request_shape("bedrock", "CreateModelImportJob"), request)):
            return error(400, "ValidationException", "; ".join(broken))
        if any(job["jobName"] == request["jobName"] for job in self.jobs):
            return error(400, "ConflictException", "the job's name is in use")
        arn = f"arn:aws:bedrock:{REGION}:{ACCOUNT}:model-import-job/{len(self.jobs):012d}"
        job = request | {
            "jobArn": arn,
            "status": "InProgress",
            "creationTime": "2026-11-22T00:00:00Z",
            "left": self.polls,
        }
        self.jobs.append(job)
        return 201, {"jobArn": arn}

    def _poll(self, arn: str) -> Answer:
        [job] = [job for job in self.jobs if job["jobArn"] == arn]
        job["left"] -= 1
        if job["left"] <= 0 and job["status"] == "InProgress":
            if self.failure:
                job |= {"status": "Failed", "failureMessage": self.failure}
            else:
                job["status"] = "Completed"
                self.add(job["importedModelName"])
        return 200, job

    def add(self, name: str) -> None:
        arn = f"arn:aws:bedrock:{REGION}:{ACCOUNT}:imported-model/{len(self.models):012d}"
        self.models[name] = {
            "modelArn": arn,
            "modelName": name,
            "instructSupported": self.instruct,
        }

    def _converse(self, rest: str) -> Answer:
        self.calls.append("converse")
        if not any(rest == f"{model['modelArn']}/converse" for model in self.models.values()):
            return error(404, "ResourceNotFoundException", rest)
        if self.cold:
            self.cold -= 1
            return error(429, "ModelNotReadyException", "Model is not ready for inference.")
        content = [{"text": "Once upon a time"}]
        return 200, {
            "output": {"message": {"role": "assistant", "content": content}},
            "stopReason": "end_turn",
            "usage": {"inputTokens": 1, "outputTokens": 1, "totalTokens": 2},
            "metrics": {"latencyMs": 1},
        }
