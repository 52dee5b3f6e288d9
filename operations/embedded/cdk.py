"""The unmodified CDK command line against the embedded AWS, with progress by resource."""

import contextlib
import json
import re
import sys
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path

from botocore.exceptions import BotoCoreError

from operations.embedded.access import Credentials, deployer
from operations.embedded.emulator import NODE_MODULES, REPOSITORY, Emulator
from operations.embedded.failures import first_failure
from operations.processes import Process, ProcessError

CLI = NODE_MODULES / ".bin" / "cdk"
CONCURRENCY = 4
_SETTINGS = {
    # CloudFormation's own rules take seconds at synthesis; `make synth` applies them.
    "CDK_VALIDATION": "false",
    "JSII_SILENCE_WARNING_DEPRECATED_NODE_VERSION": "true",
    "JSII_SILENCE_WARNING_END_OF_LIFE_NODE_VERSION": "true",
    "JSII_SILENCE_WARNING_UNTESTED_NODE_VERSION": "true",
}

# demo-network |  4/45 | 5:47:02 AM | CREATE_COMPLETE      | AWS::EC2::VPC | Vpc (Vpc8378EB38)
_EVENT = re.compile(
    r"^(?P<stack>\S+) \|\s*(?P<done>\d+)/(?P<all>\d+) \| [^|]+ \| (?P<status>\w+)\s*"
    r"\| (?P<type>[\w:@-]+)\s*\| (?P<name>.+?)\s*$"
)
Say = Callable[[str], None]


class CdkError(RuntimeError):
    """A CDK command failed; the text is one sentence that names the resource and the log."""


class Cdk:
    """The CDK CLI over an app, deploying into an `Emulator`.

    `app` is the command that synthesizes, run in the repository; `environments` the folder of
    environment files that it reads instead of its own. `folder` takes the log, the assembly and
    the outputs. The account bootstraps; whoever deploys then may use the roles of the bootstrap
    alone.
    """

    def __init__(
        self,
        emulator: Emulator,
        *,
        folder: Path,
        app: str = f"{sys.executable} app.py",
        environments: Path | None = None,
    ) -> None:
        self.log = folder.absolute() / "cdk.log"
        self.assembly = folder.absolute() / "cdk.out"
        self._outputs = folder.absolute() / "outputs.json"
        self._emulator = emulator
        self._deployer: Credentials = {}
        self._app = app
        self._context = [f"--context=environments={environments}"] if environments else []

    def bootstrap(self, *, on_event: Say = lambda text: None) -> None:
        """Create what deployments need in the account, once per emulator."""
        target = f"aws://{self._emulator.account}/{self._emulator.region}"
        self._run("bootstrap", [target, "--app="], on_event)
        self._deployer = deployer(self._emulator)

    def deploy(
        self, pattern: str = "**", *, on_event: Say = lambda text: None
    ) -> dict[str, dict[str, str]]:
        """Synthesize, then create or update every stack that matches.

        `on_event` gets a line for every resource that settles. Returns outputs by stack name.
        """
        self._outputs.unlink(missing_ok=True)
        options = [
            *self._context,
            f"--app={self._app}",
            f"--output={self.assembly}",
            "--require-approval=never",
            "--no-version-reporting",  # it adds a resource to each stack that is none
            "--progress=events",
            f"--concurrency={CONCURRENCY}",
            f"--outputs-file={self._outputs}",
        ]
        self._run("deploy", [pattern, *options], on_event)
        outputs: dict[str, dict[str, str]] = json.loads(self._outputs.read_text())
        return outputs

    def destroy(self, pattern: str = "**", *, on_event: Say = lambda text: None) -> None:
        """Delete every stack of the last synthesis that matches, with all that is in it."""
        options = ["--force", "--progress=events", f"--concurrency={CONCURRENCY}"]
        self._run("destroy", [pattern, f"--app={self.assembly}", *options], on_event)

    def diff(self, pattern: str = "**") -> str:
        """What a deployment of the last synthesis would change, as the CLI prints it."""
        lines: list[str] = []
        options = [f"--app={self.assembly}", "--method=template"]
        self._run("diff", [pattern, *options], lines.append)
        return "\n".join(lines)

    def _run(self, command: str, arguments: Sequence[str], on_event: Say) -> None:
        if not CLI.exists():
            raise CdkError(f"{CLI} does not exist; `make install` installs the CDK CLI")
        process = Process(
            f"cdk {command}",
            [CLI, "--no-notices", "--no-color", command, *arguments],
            log=self.log,
            environment=self._emulator.environment | self._deployer | _SETTINGS,
            cwd=REPOSITORY,
        )
        started = datetime.now(UTC)
        say = on_event if command == "diff" else _only_events(on_event)
        with process:
            try:
                process.check(on_line=say, needs=[self._emulator.process])
            except ProcessError as error:
                reason = None
                with contextlib.suppress(BotoCoreError):  # the emulator may be what failed
                    reason = first_failure(self._emulator, since=started)
                raise CdkError(f"{reason}; see {self.log}" if reason else str(error)) from None


def _only_events(on_event: Say) -> Say:
    """Say what settled, of all that the CLI prints."""

    def on_line(line: str) -> None:
        event = _EVENT.match(line)
        if event and event["status"].endswith(("_COMPLETE", "_FAILED")):
            stack, done, all, status, type, name = event.groups()
            on_event(f"{stack} {done}/{all}: {type} {name} {status}")

    return on_line
