"""The demo's steps in order: deploy every stack, prepare, train, export, compile, serve, ask."""

import hashlib
import secrets
import shutil
import sys
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import tomli_w
from rich.console import Console

from operations.demo import access, preflight
from operations.demo.compilation import Artefact, options_of, read_plan, summary
from operations.demo.loopback import HOST, answers, free_port, is_free
from operations.demo.narrator import Narrator, StepError
from operations.demo.pools import pools_of
from operations.demo.questions import Answer, ask, familiarity, vocabulary
from operations.demo.report import DATA_PAGE, DemoReport, Training, read_training
from operations.embedded.access import Credentials, decisions
from operations.embedded.cdk import Cdk, Say
from operations.embedded.emulator import REPOSITORY, Emulator
from operations.embedded.report import Report, inspect
from operations.processes import Process
from stacks.config import ENVIRONMENTS, EnvironmentConfig, load_environments
from workloads.prepare.stories import stories, story

ENVIRONMENT = "demo"
STEPS = 13
STORIES = 8000
TRAINING_STEPS = 300
CHECKPOINT_EVERY = 100
PROCESSES = 2
MODEL = "tiny"
OWN, BEDROCK = "own", "nova"  # of the environment's [[gateway.models]]
ANSWER_TOKENS = 160
BEDROCK_QUESTION = "What is AWS Trainium?"
MIN_FAMILIARITY = 0.8  # share of the own answer's words that occur in its training text
READY_SECONDS = 60.0


@dataclass
class Demo:
    """One run in `folder`; what it starts hangs on `running` and stops when that is closed."""

    folder: Path
    console: Console
    running: ExitStack
    gateway_port: int = 0  # 0: a free one
    texts: Sequence[Path] = ()  # the user's own; none: generated stories
    loss_picture: bytes = b""  # PNG
    _urls: dict[str, str] = field(default_factory=dict)
    _key: str = ""  # of the tenant that asks
    _pods: Credentials = field(default_factory=dict)  # of jobs and model servers

    def run(self) -> DemoReport:
        """Do every step; StepError when one did not do its work."""
        started = time.monotonic()
        narrator = Narrator(self.console, steps=STEPS, folder=self.folder)
        if self.gateway_port and not is_free(self.gateway_port):
            raise StepError(
                f"step 'gateway' cannot work: port {self.gateway_port} is taken; name another"
                " with PORT=, or none for a free one (nothing was started, so there is no log)"
            )
        environments = self.folder / "environments"  # this one alone: the others take time
        environments.mkdir()
        shutil.copy(ENVIRONMENTS / f"{ENVIRONMENT}.toml", environments)
        config = load_environments(environments)[ENVIRONMENT]
        deployed = self._deploy(narrator, config)
        self._pods = access.of_pods(self._aws, f"{ENVIRONMENT}-cluster")
        training = self._train(narrator, deployed.outputs)
        artefacts = self._compile(narrator, config, deployed.outputs)
        answers = self._ask(narrator, config, deployed.outputs)
        with narrator.step("access", "what IAM decided of every request above") as step:
            decided = decisions(self._aws)
            step.result = access.summary(decided)
        return DemoReport(
            date=datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
            deployed=deployed,
            pools=pools_of(config.pools),
            training=training,
            artefacts=artefacts,
            answers=answers,
            access=decided,
            seconds=time.monotonic() - started,
            step_seconds=narrator.seconds,
        )

    def explain(self) -> None:
        """Print how to use what is still running."""
        say = partial(self.console.print, markup=False, highlight=False, soft_wrap=True)
        say("\nstill running, until Ctrl-C:")
        for name, url in self._urls.items():
            say(f"  {name:<16} {url}")
        gateway = self._urls["the gateway"]
        say("\nask it:")
        say(f"  curl {gateway}/v1/chat/completions -H 'Authorization: Bearer {self._key}' \\")
        body = '{"model": "own", "messages": [{"role": "user", "content": "A story, please."}]}'
        say(f"    -H 'Content-Type: application/json' -d '{body}'")
        say(f"\nor in a browser, models side by side: {gateway}/ takes this key:")
        say(f"  {self._key}")
        say("\nlook at the deployed resources with the AWS command line or boto3:")
        for line in self._aws.shell_exports():
            say(f"  {line}")

    def _deploy(self, narrator: Narrator, config: EnvironmentConfig) -> Report:
        """Start the embedded AWS, deploy every stack with the CDK CLI, and look at the result."""
        with narrator.step("emulator", "start the embedded AWS") as step:
            self._aws = Emulator(folder=self.folder / "aws", region=config.region)
            self.running.enter_context(self._aws)
            self._urls["the embedded AWS"] = self._aws.url
            step.result = f"the embedded AWS listens on {self._aws.url}"
        cdk = Cdk(self._aws, folder=self.folder, environments=self.folder / "environments")
        with narrator.step("bootstrap", "prepare the account for the CDK") as step:
            cdk.bootstrap(on_event=step.say)
        with narrator.step("preflight", "ask what the deployment would lack") as step:
            command = preflight.command(ENVIRONMENT, self.folder / "environments")
            asking = self._start("preflight", command, {})
            step.result = preflight.result(asking, needs=self._aws.process, say=step.say)
        with narrator.step("deploy", "deploy every stack with the CDK CLI") as step:
            cdk.deploy(f"{ENVIRONMENT}/*", on_event=step.say)
        with narrator.step("inspect", "find every resource through its own service") as step:
            report = inspect(self._aws, environment=ENVIRONMENT)
            bad = [stack.name for stack in report.stacks if stack.status != "CREATE_COMPLETE"]
            if bad or not report.stacks:
                raise RuntimeError(f"stacks that are not CREATE_COMPLETE: {', '.join(bad)}")
            step.result = (
                f"{len(report.stacks)} stacks CREATE_COMPLETE, {len(report.findings)} resources"
            )
        return report

    def _train(self, narrator: Narrator, outputs: dict[str, str]) -> Training:
        """Prepare data, train and export, through the buckets of the storage stack."""
        data = data_uri(outputs)
        run = f"s3://{outputs['CheckpointsBucket']}/demo"
        text = ["--input", *self.texts] if self.texts else ["--stories", f"{STORIES}", "--noise"]
        with narrator.step("prepare", "text to tokens") as step:
            self._work("prepare", [*text, "--out", data], step.say)
            (self.folder / DATA_PAGE).write_bytes(self._read(f"{data}/report.html"))
        with narrator.step("train", f"train the model {MODEL!r} in {PROCESSES} processes") as step:
            options = {"--data": data, "--out": run, "--model": MODEL, "--seed": "1"}
            options |= {
                "--steps": f"{TRAINING_STEPS}",
                "--checkpoint-every": f"{CHECKPOINT_EVERY}",
            }
            self._work("train", [part for pair in options.items() for part in pair], step.say)
            metrics = self._read(f"{run}/metrics.jsonl").decode()
            training = read_training(metrics, model=MODEL, processes=PROCESSES)
            self.loss_picture = self._read(f"{run}/loss.png")
            step.result = f"loss {training.first_loss:.3f} → {training.final_loss:.3f}"
            # Our stories are learned in that many steps; nobody knows of another text.
            most = training.first_loss * (1.0 if self.texts else 0.5)
            if not training.final_loss < most:
                raise RuntimeError(
                    f"{step.result} is not below {most:.3f}; see {self._log('train')}"
                )
        with narrator.step("export", "checkpoint to Hugging Face format") as step:
            self._work(
                "export", ["--run", run, "--data", data, "--out", model_uri(outputs)], step.say
            )
        return training

    def _compile(
        self, narrator: Narrator, config: EnvironmentConfig, outputs: dict[str, str]
    ) -> tuple[Artefact, ...]:
        """Say what Neuron hardware would need compiled, and what of it is in the cache."""
        with narrator.step("compile", "what Neuron hardware would need compiled") as step:
            options = ["plan", "--json", "--cache", f"s3://{outputs['ArtifactsBucket']}/demo"]
            options += ["--model", model_uri(outputs), "--data", data_uri(outputs)]
            batch = ["--batch", "32"]  # a sequence for each core of a Trn1 node
            lines: list[str] = []
            self._work(
                "compile",
                [*options, *options_of(config), "--", "--model", MODEL, *batch],
                lines.append,
            )
            artefacts = read_plan(lines)
            step.result = summary(artefacts)
        return artefacts

    def _ask(
        self, narrator: Narrator, config: EnvironmentConfig, outputs: dict[str, str]
    ) -> tuple[Answer, ...]:
        """Serve the exported model, put the gateway before it, and ask both kinds of model."""
        with narrator.step("serve", "start the model server") as step:
            model = model_uri(outputs)
            server = self._serve("serve", free_port(), self._pods, "--model", model, "--name", OWN)
            self._urls["the model server"] = server
            step.result = f"the model server listens on {server}"
        with narrator.step("gateway", "start the gateway") as step:
            self._key = self._create_tenant(outputs["TenantsTable"])
            file = self._gateway_file(config, outputs, server=server)
            gateway = self._serve(
                "gateway",
                self.gateway_port or free_port(),
                access.of_gateway(self._aws, f"{ENVIRONMENT}-gateway"),
                *("--config", str(file), "--table", outputs["TenantsTable"]),
                *("--ledger-table", outputs["LedgerTable"]),
            )
            self._urls["the gateway"] = gateway
            step.result = f"the gateway listens on {gateway}"
        with narrator.step("ask", "one question each, through the gateway", live=False) as step:
            question, known = self._own_question()
            own = self._question(gateway, OWN, "own model, on this machine", question)
            share = familiarity(own.text, known)
            step.result = f"{share:.0%} of the own model's words occur in its training text"
            if share < MIN_FAMILIARITY and not self.texts:
                raise RuntimeError(f"only {step.result}; see {self._log('serve')}")
            bedrock = self._question(
                gateway, BEDROCK, "Bedrock as the emulator has it: a canned text", BEDROCK_QUESTION
            )
        return own, bedrock

    def _question(self, gateway: str, model: str, backend: str, question: str) -> Answer:
        """Ask, showing the answer as it streams in."""
        self.console.print(f"    {model} ({backend}) is asked: {question}", markup=False)
        self.console.print("    ", end="")
        answer = ask(
            gateway=gateway,
            key=self._key,
            model=model,
            backend=backend,
            question=question,
            max_tokens=ANSWER_TOKENS,
            on_text=lambda text: self.console.print(
                text.replace("\n", "\n    "), end="", markup=False, highlight=False
            ),
        )
        self.console.print()
        return answer

    def _own_question(self) -> tuple[str, frozenset[str]]:
        """What the own model is asked, and the words of the text it was trained on."""
        if self.texts:
            text = " ".join(path.read_text() for path in self.texts)
            return " ".join(text.split()[:6]), vocabulary(text)
        unseen = story(0, STORIES)  # the first one that was not trained on
        return unseen.splitlines()[0], vocabulary(" ".join(stories(STORIES, 0)))

    def _create_tenant(self, table: str) -> str:
        """A row in the deployed table of tenants; its API key."""
        key = secrets.token_urlsafe(24)
        self._aws.client("dynamodb").put_item(
            TableName=table,
            Item={
                "key_sha256": {"S": hashlib.sha256(key.encode()).hexdigest()},
                "name": {"S": ENVIRONMENT},
            },
        )
        return key

    def _gateway_file(
        self, config: EnvironmentConfig, outputs: dict[str, str], *, server: str
    ) -> Path:
        """The environment's model table with the own model's server where it really is.

        Without the SageMaker endpoint: nothing serves behind the emulator's.
        """
        models = [
            model.model_dump(exclude_none=True, exclude_defaults=True)
            | ({"openai": f"{server}/v1"} if model.openai else {})
            for model in config.gateway.models
            if not model.sagemaker
        ]
        guardrail = {"id": outputs["GuardrailId"], "version": outputs["GuardrailVersion"]}
        file = self.folder / "gateway.toml"
        file.write_text(tomli_w.dumps({"models": models, "guardrail": guardrail}))
        return file

    def _work(self, stage: str, arguments: Sequence[str | Path], say: Say) -> None:
        """Run one workload stage to its end against the embedded AWS."""
        command: list[str | Path] = [sys.executable, "-m"]
        if stage == "train":
            command += ["torch.distributed.run", "--standalone"]
            command += [f"--nproc-per-node={PROCESSES}", "-m"]
        command += [f"workloads.{stage}", *arguments]
        with self._start(stage, command, self._pods) as process:
            process.check(on_line=say, needs=[self._aws.process])

    def _serve(self, stage: str, port: int, who: Credentials, *arguments: str) -> str:
        """Start a server that lives as long as the demo; its URL once it answers."""
        url = f"http://{HOST}:{port}"
        command = [sys.executable, "-m", f"workloads.{stage}", *arguments]
        process = self._start(stage, [*command, "--host", HOST, "--port", str(port)], who)
        self.running.enter_context(process)
        process.wait_until_ready(lambda: answers(f"{url}/health"), timeout=READY_SECONDS)
        return url

    def _start(self, stage: str, command: Sequence[str | Path], who: Credentials) -> Process:
        return Process(
            stage,
            command,
            log=self._log(stage),
            # torchrun wants to be told how many threads; each process then decides for itself.
            environment=self._aws.environment
            | who
            | {"PYTHONUNBUFFERED": "1", "OMP_NUM_THREADS": "1"},
            cwd=REPOSITORY,
        )

    def _log(self, stage: str) -> Path:
        return self.folder / f"{stage}.log"

    def _read(self, uri: str) -> bytes:
        """One object of the emulated S3."""
        bucket, _, key = uri.removeprefix("s3://").partition("/")
        content: bytes = self._aws.client("s3").get_object(Bucket=bucket, Key=key)["Body"].read()
        return content


def data_uri(outputs: dict[str, str]) -> str:
    """Where the tokens lie: `prepare` writes them and `train` reads them."""
    return f"s3://{outputs['DataBucket']}/demo"


def model_uri(outputs: dict[str, str]) -> str:
    """Where the exported model lies: `export` writes it and `serve` reads it."""
    return f"s3://{outputs['ModelsBucket']}/demo"
