"""Start and stop the emulated AWS: one process tree on loopback, all it writes in one folder."""

import contextlib
import http.client
import os
import shlex
import shutil
import sys
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from operations.embedded.extension.handler import Place, client
from operations.processes import Process, ProcessError

REPOSITORY = Path(__file__).parents[2]
NODE_MODULES = REPOSITORY / "node_modules"
READY_SECONDS = 60.0
PORT_FILE = "port"  # the emulator binds first and then tells its port here
PORT_REFUSED = 2  # exit code of the emulator's process
READY_PATH = "/_embedded/ready"
SECRET = "embedded"  # any will do


class EmulatorError(RuntimeError):
    """The emulator did not start; the text is one sentence that names its log."""


class PortError(EmulatorError):
    """The port that was asked for cannot be used."""


class Emulator:
    """The emulated AWS of one account and region; a context manager.

    `folder` takes the log, the port, temporary files and the home of everything that runs
    against the emulator, so that nothing of the user's own AWS set-up is read or written.
    `port` 0 takes a free one.
    """

    def __init__(
        self, *, folder: Path, region: str, account: str = "000000000000", port: int = 0
    ) -> None:
        self.folder = folder.absolute()
        self.region = region
        self.account = account
        self._port = port
        self._process: Process | None = None

    @property
    def log(self) -> Path:
        return self.folder / "emulator.log"

    @property
    def process(self) -> Process:
        """What must stay alive for anything that uses the emulator."""
        if self._process is None:
            raise EmulatorError("the embedded AWS is not started")
        return self._process

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._port}"

    @property
    def environment(self) -> dict[str, str]:
        """The whole environment for what runs against the emulator: CDK CLI, boto3, workloads."""
        return self._programs() | self.exports | {"HOME": str(Path.home())}  # for caches

    @property
    def exports(self) -> dict[str, str]:
        """The part of `environment` that points at the emulator."""
        return {
            "AWS_CONFIG_FILE": str(self.folder / "aws-config"),
            "AWS_SHARED_CREDENTIALS_FILE": str(self.folder / "aws-credentials"),
            "AWS_ENDPOINT_URL": self.url,
            "AWS_ENDPOINT_URL_S3": self.url,  # the CDK CLI reads it for path-style addresses
            "AWS_ENDPOINT_URL_S3_FOR_CLOUDFORMATION": self.url,
            "AWS_ACCESS_KEY_ID": self.account,  # twelve digits as a key id are the account
            "AWS_SECRET_ACCESS_KEY": SECRET,
            "AWS_REGION": self.region,
            "AWS_DEFAULT_REGION": self.region,
            "AWS_EC2_METADATA_DISABLED": "true",
            "CDK_HOME": str(self.folder / "cdk"),  # the CLI caches accounts by access key here
            "CDK_DEFAULT_ACCOUNT": self.account,
            "CDK_DEFAULT_REGION": self.region,
            "CDK_DISABLE_CLI_TELEMETRY": "true",
            "CDK_DISABLE_VERSION_CHECK": "true",
        }

    def shell_exports(self) -> list[str]:
        """`exports` as lines for a shell."""
        return [
            f"export {name}={shlex.quote(value)}" for name, value in sorted(self.exports.items())
        ]

    def client(self, service: str) -> Any:
        """A boto3 client of one emulated service; the types of each are not installed."""
        return client(service, Place(self.url, self.account, self.region))

    def start(self) -> None:
        """Start and wait until it answers; EmulatorError when the port is taken or it fails."""
        for name in ("home", "tmp"):
            (self.folder / name).mkdir(parents=True, exist_ok=True)
        port_file = self.folder / PORT_FILE
        port_file.unlink(missing_ok=True)
        self._process = Process(
            "the embedded AWS",
            [sys.executable, "-m", "operations.embedded.extension", str(self._port), port_file],
            log=self.log,
            environment=self._programs() | self._settings(),
            cwd=REPOSITORY,
        )
        try:
            self._process.wait_until_ready(self._is_ready, timeout=READY_SECONDS)
        except BaseException as error:
            refused = self._process.poll() == PORT_REFUSED
            self.stop()
            if isinstance(error, ProcessError):
                raise (PortError if refused else EmulatorError)(str(error)) from None
            raise

    def stop(self) -> None:
        """End the emulator and every Lambda worker it started; harmless when it does not run."""
        if self._process is not None:
            self._process.stop()
            self._process = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    def _is_ready(self) -> bool:
        with contextlib.suppress(OSError, ValueError, http.client.HTTPException):
            self._port = int((self.folder / PORT_FILE).read_text())
            connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=5)
            with contextlib.closing(connection):
                connection.request("GET", READY_PATH)
                return connection.getresponse().status == http.client.OK
        return False

    def _programs(self) -> dict[str, str]:
        """What any child needs: where programs are found, and where to put what is short-lived."""
        node = shutil.which("node")
        places = [Path(sys.executable).parent, *([Path(node).parent] if node else [])]
        return {
            "PATH": os.pathsep.join([*map(str, places), os.defpath]),
            "TMPDIR": str(self.folder / "tmp"),
            "LANG": "C.UTF-8",
        }

    def _settings(self) -> dict[str, str]:
        """Settings of ministack; each name is one that its source reads."""
        return {
            "HOME": str(self.folder / "home"),
            "MINISTACK_REGION": self.region,
            "MINISTACK_ACCOUNT_ID": self.account,
            "MINISTACK_HOST": "127.0.0.1",
            "S3_DATA_DIR": str(self.folder / "s3"),
            "STATE_DIR": str(self.folder / "state"),
            "LAMBDA_EXECUTOR": "local",
            "DOCKER_HOST": f"unix://{self.folder}/no-docker",  # the same on machines that have one
            "IOT_MTLS_ENABLED": "0",  # it would listen on every interface
            "SFTP_ENABLED": "0",
            "AUTH": "true",  # IAM is enforced, but for the account itself
            "NODE_PATH": str(NODE_MODULES),
        }
