"""The demo's steps in order: deploy every stack, prepare, train, export, serve, ask, report."""

import hashlib
import secrets
import socket
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import boto3
import tomli_w
from rich.console import Console

from operations.demo.narrator import Narrator
from operations.demo.questions import Answer, ask, familiarity, vocabulary
from operations.demo.report import DemoReport, StackSummary, Training, read_training
from operations.embedded.cdk import Cdk
from operations.embedded.emulator import Emulator
from operations.embedded.report import inspect
from operations.processes import Process
from stacks.config import ENVIRONMENTS, EnvironmentConfig, load_environments

ENVIRONMENT = "demo"
STEPS = 10
STORIES = 4000
TRAINING_STEPS = 200
PROCESSES = 2
MODEL = "tiny"
TENANT = "demo"
MIN_FAMILIARITY = 0.8  # share of the own answer's words that its training text knows
READY_SECONDS = 60.0
OWN, BEDROCK = "own", "nova"  # names in demo.toml's [[gateway.models]]


@dataclass
class Demo:
    """One run; what it starts hangs on `running` and is stopped when that is closed."""

    folder: Path
    environment: Mapping[str, str]
    console: Console
    running: ExitStack
    gateway_port: int = 0  # 0: a free one
    texts: Sequence[Path] = ()  # the user's own; none: generated stories
    _config: EnvironmentConfig = field(init=False)
    _outputs: dict[str, str] = field(init=False)

    def run(self) -> DemoReport:
        """Do every step; StepError when one did not do its work."""
        started = time.monotonic()
        narrator = Narrator(self.console, steps=STEPS, folder=self.folder)
        stacks, remarks = self._deploy(narrator)
        training = self._train(narrator)
        answers = self._ask(narrator)
        return DemoReport(
            date=datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
            seconds=time.monotonic() - started,
            step_seconds=narrator.seconds,
            stacks=stacks,
            remarks=remarks,
            training=training,
            answers=answers,
        )

    def _deploy(
        self, narrator: Narrator
    ) -> tuple[tuple[StackSummary, ...], tuple[dict[str, str], ...]]:
        """Start the embedded AWS, deploy every stack with the CDK CLI, and look at the result."""
        self._config = load_environments()[ENVIRONMENT]
        with narrator.step("emulator", "starting the embedded AWS") as step:
            self._emulator = Emulator(folder=self.folder / "aws", region=self._config.region)
            self.running.enter_context(self._emulator)
            self._aws = {**self.environment, **self._emulator.environment}
            step.result = f"the embedded AWS listens on {self._emulator.url}"
        cdk = Cdk(self._emulator, folder=self.folder)
        with narrator.step("bootstrap", "preparing the account for the CDK") as step:
            cdk.bootstrap()
        with narrator.step("deploy", "deploying every stack with the CDK CLI") as step:
            cdk.deploy(f"{ENVIRONMENT}/*", on_event=step.say)
        with narrator.step("inspect", "finding every resource through its own service") as step:
            report = inspect(self._emulator, environment=ENVIRONMENT)
            self._outputs = report.outputs
        return report.stacks, report.remarks

    def _train(self, narrator: Narrator) -> Training:
        """Prepare data, train and export, each reading and writing buckets of the storage stack."""
        data = f"s3://{self._outputs['DataBucket']}/demo"
        run = f"s3://{self._outputs['CheckpointsBucket']}/demo"
        self._model = f"s3://{self._outputs['ModelsBucket']}/demo"
        source = (
            ["--input", *self.texts] if self.texts else ["--stories", str(STORIES), "--seed", "1"]
        )
        with narrator.step("prepare", "text to tokens") as step:
            self._work("prepare", [*source, "--out", data], step.say)
        with narrator.step("train", f"training in {PROCESSES} processes") as step:
            self._work(
                "train",
                [
                    *("--data", data, "--out", run, "--model", MODEL),
                    *("--steps", str(TRAINING_STEPS), "--seed", "1", "--checkpoint-every", "100"),
                ],
                step.say,
            )
            training = read_training(self._read(f"{run}/metrics.jsonl").decode())
            if training.final_loss >= training.first_loss / 2:
                raise RuntimeError(
                    f"the loss went from {training.first_loss:.3f} to {training.final_loss:.3f},"
                    " which is not below half; see train.log"
                )
        with narrator.step("export", "checkpoint to Hugging Face format") as step:
            self._work("export", ["--run", run, "--data", data, "--out", self._model], step.say)
        return training

    def _ask(self, narrator: Narrator) -> tuple[Answer, ...]:
        """Serve the exported model, put the gateway before it, and ask both kinds of model."""
        with narrator.step("serve", "starting the model server") as step:
            port = free_port()
            server = self._serve("serve", port, "--model", self._model, "--name", OWN)
            step.result = f"the model server listens on {server}"
        with narrator.step("gateway", "starting the gateway") as step:
            key = self._create_key()
            port = self.gateway_port or free_port()
            self.gateway = self._serve(
                "gateway",
                port,
                *("--config", str(self._gateway_file(server))),
                *("--table", self._outputs["TenantsTable"]),
            )
            step.result = f"the gateway listens on {self.gateway}"
        with narrator.step("ask", "one question each, through the gateway", live=False) as step:
            own = self._question(key, OWN, "own model, on this machine", self._own_question())
            share = familiarity(own.text, self._known_words())
            if share < MIN_FAMILIARITY:
                raise RuntimeError(
                    f"only {share:.0%} of the own model's words occur in its training text"
                )
            bedrock = self._question(
                key, BEDROCK, "Bedrock, emulated: a canned text", "What is Trainium?"
            )
            step.result = f"{share:.0%} of the own model's words occur in its training text"
        self.key = key
        return own, bedrock

    def _work(
        self, stage: str, arguments: Sequence[str | Path], say: Callable[[str], None]
    ) -> None:
        """Run one workload stage to its end against the embedded AWS."""
        python = [sys.executable, "-m"]
        if stage == "train":
            python += [
                "torch.distributed.run",
                "--standalone",
                f"--nproc-per-node={PROCESSES}",
                "-m",
            ]
        with self._start(stage, [*python, f"workloads.{stage}", *arguments]) as process:
            process.check(on_line=say, needs=[self._emulator.process])

    def _serve(self, stage: str, port: int, *arguments: str) -> str:
        """Start a server that lives as long as the demo; its URL once /health answers."""
        if not is_free(port):
            raise RuntimeError(f"port {port} is taken; name another one with PORT=")
        url = f"http://127.0.0.1:{port}"
        command = [sys.executable, "-m", f"workloads.{stage}", *arguments]
        process = self._start(stage, [*command, "--host", "127.0.0.1", "--port", str(port)])
        self.running.enter_context(process)
        process.wait_until_ready(lambda: answers(f"{url}/health"), timeout=READY_SECONDS)
        return url

    def _start(self, stage: str, command: Sequence[str | Path]) -> Process:
        threads = {"OMP_NUM_THREADS": "1", "PYTHONUNBUFFERED": "1"}
        return Process(
            stage,
            command,
            log=self.folder / f"{stage}.log",
            environment={**self._aws, **threads},
            cwd=REPOSITORY,
        )
