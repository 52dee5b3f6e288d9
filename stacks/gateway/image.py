"""The gateway's container image: one that exists, or one built from this repository."""

import re
from pathlib import Path

from aws_cdk import aws_ecr as ecr
from aws_cdk import aws_ecr_assets as assets
from aws_cdk import aws_ecs as ecs
from constructs import Construct

_REPOSITORY = Path(__file__).parents[2]
_ECR = re.compile(
    r"(?P<account>\d{12})\.dkr\.ecr\.(?P<region>[a-z0-9-]+)\.amazonaws\.com/"
    r"(?P<name>[^:@]+)(?::|@)(?P<version>.+)"
)


def gateway_image(scope: Construct, image: str | None) -> ecs.ContainerImage:
    """The image at a URI, or the one that workloads/gateway/Dockerfile builds.

    Synthesis only takes the fingerprint of the files; `cdk deploy` builds, and needs Docker.
    """
    if image is None:
        return ecs.ContainerImage.from_docker_image_asset(
            assets.DockerImageAsset(
                scope,
                "Image",
                directory=str(_REPOSITORY),
                file="workloads/gateway/Dockerfile",
                platform=assets.Platform.LINUX_ARM64,
                exclude=[
                    "*",
                    "!workloads",
                    "workloads/*",
                    "!workloads/__init__.py",
                    "!workloads/command.py",
                    "!workloads/gateway",
                    "**/__pycache__",
                ],
            )
        )
    match = _ECR.fullmatch(image)
    if match is None:
        return ecs.ContainerImage.from_registry(image)
    repository = ecr.Repository.from_repository_attributes(
        scope,
        "Repository",
        repository_arn=f"arn:aws:ecr:{match['region']}:{match['account']}:repository/{match['name']}",
        repository_name=match["name"],
    )
    return ecs.ContainerImage.from_ecr_repository(repository, match["version"])
