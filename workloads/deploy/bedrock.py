"""Import a model into Amazon Bedrock, once for one content, and wait until it answers.

CreateModelImportJob copies the weights out of S3 with a role that Bedrock assumes. Neither moto nor
this project's tests run Bedrock: see docs/operations.md for what was and was not tried.
"""

import json
import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from workloads.command import InputError, StageError, progress
from workloads.deploy.model import Model
from workloads.deploy.smoke import TOKENS, question

# Hugging Face's names of the architectures that the user guide lists: Mistral, Mixtral, Flan,
# Llama, GPTBigCode and Qwen, and GPT-OSS. https://docs.aws.amazon.com/bedrock/latest/userguide/
# custom-model-import-code-samples.html; which Qwen and which of them answer Converse:
# .../invoke-imported-model.html. As of 2026-11; Bedrock adds to them.
_CONVERSING = (
    "LlamaForCausalLM",
    "MistralForCausalLM",
    "MixtralForCausalLM",
    "T5ForConditionalGeneration",
    "GPTBigCodeForCausalLM",
)
_INVOKED_ONLY = (
    "Qwen2ForCausalLM",
    "Qwen2VLForConditionalGeneration",
    "Qwen2_5_VLForConditionalGeneration",
    "GptOssForCausalLM",
)
_GONE = ("ResourceNotFoundException", "ValidationException")
_LONGEST_NAME = 63


def check(model: Model) -> None:
    """InputError: Bedrock would refuse the model after the upload."""
    known = (*_CONVERSING, *_INVOKED_ONLY)
    if model.architecture not in known:
        raise InputError(
            f"{model.path}: Bedrock imports {', '.join(known)}, and this is {model.architecture}"
        )
    if model.architecture in _INVOKED_ONLY:
        raise InputError(
            f"{model.path}: an imported {model.architecture} does not answer Converse, which the "
            "gateway speaks; serve it from a pool or a SageMaker endpoint"
        )
    if "quantization_config" in model.config:
        raise InputError(f"{model.path} is quantised; export the weights as they were trained")


def names(name: str, digest: str) -> str:
    """The job's and the model's name: the content decides, so that repeating finds them again."""
    wanted = f"{name}-{digest[:16]}"
    if not re.fullmatch(r"[A-Za-z0-9]+(-[A-Za-z0-9]+)*", name):
        raise InputError(
            f"{name!r} cannot name an imported model: letters and digits, single hyphens between"
        )
    if len(wanted) > _LONGEST_NAME - 3:  # -99 for a repeated attempt
        raise InputError(f"{name!r} is too long: {_LONGEST_NAME - 3 - 17} characters at most")
    return wanted


@dataclass(frozen=True, kw_only=True)
class Imported:
    """A model in Bedrock."""

    name: str
    arn: str


class Importer:
    """Bedrock, asked again every `poll_seconds`.

    `bedrock` and `runtime` are the clients of the control plane and of inference; the latter must
    not retry by itself, or ModelNotReadyException is waited for twice.
    """

    def __init__(
        self,
        bedrock: Any,
        runtime: Any,
        *,
        poll_seconds: float = 30,
        import_seconds: float = 3 * 3600,
        ready_seconds: float = 30 * 60,
    ) -> None:
        self._bedrock = bedrock
        self._runtime = runtime
        self._poll = poll_seconds
        self._import_seconds = import_seconds
        self._ready_seconds = ready_seconds

    def run(
        self, name: str, *, publish: Callable[[], str], role: str, kms_key: str | None
    ) -> Imported:
        """The model of this name, imported now or found; `publish` uploads and gives the URI.

        Nothing is uploaded when the model or a running job exists. StageError: the import failed.
        """
        found = self._model(name)
        if found is None:
            job = self._running(name) or self._create(name, publish(), role, kms_key)
            self._wait_for(job)
            found = self._model(name)
            if found is None:
                raise StageError(f"the import job {job} is complete, and there is no model {name}")
        else:
            progress(f"{name} was imported before: {found['modelArn']}")
        if not found.get("instructSupported", False):
            raise StageError(
                f"{name} is imported and does not answer Converse, which the gateway speaks: its "
                "tokenizer_config.json needs a chat_template that Bedrock understands"
            )
        return Imported(name=name, arn=found["modelArn"])

    def _model(self, name: str) -> dict[str, Any] | None:
        from botocore.exceptions import ClientError

        try:
            found: dict[str, Any] = self._bedrock.get_imported_model(modelIdentifier=name)
        except ClientError as error:
            if error.response["Error"]["Code"] not in _GONE:
                raise
            return None
        return found

    def _jobs(self, name: str) -> list[dict[str, Any]]:
        """The jobs of this content, the first attempt first."""
        pages = self._bedrock.get_paginator("list_model_import_jobs").paginate(nameContains=name)
        jobs = [job for page in pages for job in page["modelImportJobSummaries"]]
        return sorted(
            (job for job in jobs if job["jobName"].rpartition(".")[0] == name),
            key=lambda job: int(job["jobName"].rpartition(".")[2]),
        )

    def _running(self, name: str) -> str | None:
        for job in self._jobs(name):
            if job["status"] == "InProgress":
                progress(f"the import job {job['jobName']} is under way")
                arn: str = job["jobArn"]
                return arn
        return None

    def _create(self, name: str, uri: str, role: str, kms_key: str | None) -> str:
        """A job's name cannot be used twice: each attempt has a number."""
        attempt = f"{name}.{len(self._jobs(name)) + 1}"
        progress(f"import job {attempt} of {uri}")
        job: str = self._bedrock.create_model_import_job(
            jobName=attempt,
            importedModelName=name,
            roleArn=role,
            modelDataSource={"s3DataSource": {"s3Uri": f"{uri}/"}},
            # Two of us at once: the second call gets the first one's job.
            clientRequestToken=attempt.replace(".", "-"),
            **({"importedModelKmsKeyId": kms_key} if kms_key else {}),
        )["jobArn"]
        return job

    def _wait_for(self, job: str) -> None:
        end = time.monotonic() + self._import_seconds
        while True:
            state = self._bedrock.get_model_import_job(jobIdentifier=job)
            if state["status"] == "Completed":
                return
            if state["status"] == "Failed":
                reason = state.get("failureMessage", "Bedrock gives no reason")
                raise StageError(f"the import job {state['jobName']} failed: {reason}")
            if time.monotonic() > end:
                raise StageError(
                    f"the import job {state['jobName']} is still under way; "
                    "the same command waits on"
                )
            time.sleep(self._poll)

    def ask(self, model: Imported) -> str:
        """The answer to one question. A model that nobody used lately is loaded first: minutes."""
        from botocore.exceptions import ClientError

        text = question()["messages"][0]["content"]
        end = time.monotonic() + self._ready_seconds
        while True:
            try:
                answer = self._runtime.converse(
                    modelId=model.arn,
                    messages=[{"role": "user", "content": [{"text": text}]}],
                    inferenceConfig={"maxTokens": TOKENS, "temperature": 0.0},
                )
            except ClientError as error:
                if error.response["Error"]["Code"] != "ModelNotReadyException":
                    raise StageError(f"{model.name} does not answer: {error}") from None
                if time.monotonic() > end:
                    raise StageError(
                        f"{model.name} is not ready after {self._ready_seconds / 60:.0f} minutes; "
                        "the same command asks again"
                    ) from None
                progress(f"{model.name} is being loaded")
                time.sleep(self._poll)
                continue
            parts = answer["output"]["message"]["content"]
            said = "".join(part.get("text", "") for part in parts)
            if not said.strip():
                raise StageError(f"{model.name} answers with no text")
            return said


def row(model: Imported, alias: str) -> str:
    """The gateway's row, as TOML: gateway.toml's form; in an environment [[gateway.models]]."""
    return f"[[models]]\nname    = {json.dumps(alias)}\nbedrock = {json.dumps(model.arn)}"
