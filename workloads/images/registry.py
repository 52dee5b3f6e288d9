"""The account's ECR, as far as it is asked about the workloads' images."""

import base64
import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from workloads.command import InputError, StageError

# https://docs.aws.amazon.com/AmazonECR/latest/userguide/Registries.html
ECR = re.compile(r"(?P<account>\d{12})\.dkr\.ecr\.(?P<region>[a-z0-9-]+)\.amazonaws\.com(\.cn)?")

# Of ECR's API, DescribeImageScanFindings: what is scanned, once or (ACTIVE) over and over.
_SCANNED = ("COMPLETE", "ACTIVE")
_SEVERITIES = ("CRITICAL", "HIGH", "MEDIUM", "LOW")


@dataclass(frozen=True, kw_only=True)
class Login:
    """What `docker login` is given; `password` in no command line."""

    user: str
    password: str
    host: str


class Registry:
    """One repository of an account. Every method: StageError where ECR does not answer."""

    def __init__(self, ecr: re.Match[str], name: str) -> None:
        import boto3

        self._account, self._name = ecr["account"], name
        self._ecr: Any = boto3.Session().client("ecr", region_name=ecr["region"])

    def has(self, tag: str) -> bool:
        """Whether the repository has the tag. InputError: there is no such repository."""
        try:
            self._ask("describe_images", imageIds=[{"imageTag": tag}])
        except self._ecr.exceptions.ImageNotFoundException:
            return False
        return True

    def login(self) -> Login:
        [data] = self._ecr.get_authorization_token()["authorizationData"]
        user, _, password = base64.b64decode(data["authorizationToken"]).decode().partition(":")
        return Login(user=user, password=password, host=data["proxyEndpoint"])

    def findings(self, tag: str) -> dict[str, int]:
        """How many of each severity the scan of an image found, the gravest first.

        Waits up to five minutes for a scan that is under way. StageError: there is none. Under
        basic scanning ECR scans once, when an image is pushed; what became known of it since is
        found by pushing anew, or under enhanced scanning.
        """
        from botocore.exceptions import WaiterError

        answer = self._scan(tag)
        if answer["imageScanStatus"]["status"] in ("IN_PROGRESS", "PENDING"):
            with suppress(WaiterError):  # how it stands is told below
                self._ecr.get_waiter("image_scan_complete").wait(
                    registryId=self._account, repositoryName=self._name, imageId={"imageTag": tag}
                )
            answer = self._scan(tag)
        status = answer["imageScanStatus"]
        if status["status"] not in _SCANNED:
            raise StageError(
                f"{self._name}:{tag} is not scanned: {status['status']}, "
                f"{status.get('description', 'and ECR says no more')}"
            )
        counts = answer.get("imageScanFindings", {}).get("findingSeverityCounts", {})
        return {severity: counts[severity] for severity in _SEVERITIES if counts.get(severity)}

    def _scan(self, tag: str) -> Mapping[str, Any]:
        try:
            return self._ask("describe_image_scan_findings", imageId={"imageTag": tag})
        except self._ecr.exceptions.ImageNotFoundException:
            raise InputError(
                f"{self._name} has no {tag}; --build, with --push, puts it there"
            ) from None
        except self._ecr.exceptions.ScanNotFoundException:
            raise StageError(
                f"{self._name}:{tag} was never scanned; does the repository scan on push?"
            ) from None

    def _ask(self, operation: str, **arguments: Any) -> Mapping[str, Any]:
        from botocore.exceptions import BotoCoreError, ClientError

        known = self._ecr.exceptions
        try:
            answer: Mapping[str, Any] = getattr(self._ecr, operation)(
                registryId=self._account, repositoryName=self._name, **arguments
            )
        except (known.ImageNotFoundException, known.ScanNotFoundException):
            raise
        except known.RepositoryNotFoundException:
            raise InputError(
                f"account {self._account} has no repository {self._name}: the stack `storage` "
                "makes one, and its output ImagesRepository names it"
            ) from None
        except (BotoCoreError, ClientError) as error:
            raise StageError(f"ECR does not answer for {self._name}: {error}") from None
        return answer
