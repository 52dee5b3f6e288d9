"""Whether container images are where pods, tasks and endpoints will pull them from."""

import json
import re
from collections.abc import Iterator

from operations.mirror.plan import plan
from operations.preflight.aws import Refused
from operations.preflight.registry import Case, Found, listed, question
from workloads.command import InputError
from workloads.jobs.images import image
from workloads.jobs.pool import Pool
from workloads.versions import VERSIONS

_ECR = re.compile(
    r"(?P<account>\d{12})\.dkr\.ecr\.(?P<region>[a-z0-9-]+)\.amazonaws\.com/"
    r"(?P<name>[^:@]+)(?P<at>[:@])(?P<version>.+)"
)
_INDEXES = (
    "application/vnd.docker.distribution.manifest.list.v2+json",
    "application/vnd.oci.image.index.v1+json",
)
_MANIFESTS = (
    "application/vnd.docker.distribution.manifest.v2+json",
    "application/vnd.oci.image.manifest.v1+json",
)
_PULL = "https://docs.aws.amazon.com/AmazonECR/latest/userguide/docker-pull-ecr-image.html"


def _manifest(
    case: Case, account: str, repository: str, version: str, *, region: str | None = None
) -> str | None:
    """The manifest of a tag or digest; None: there is no such image, or no such repository."""
    key = "imageDigest" if version.startswith("sha256:") else "imageTag"
    try:
        answer = case.ask(
            "ecr",
            "BatchGetImage",
            region=region,
            registryId=account,
            repositoryName=repository,
            imageIds=[{key: version}],
            acceptedMediaTypes=[*_INDEXES, *_MANIFESTS],
        )
    except Refused as error:
        if error.code != "RepositoryNotFoundException":
            raise
        return None
    images = answer.get("images", [])
    return str(images[0].get("imageManifest", "")) if images else None


@question(
    "gateway-image",
    "images",
    title="The gateway's image exists, and runs on the tasks' processors",
    without="The service never becomes stable, CannotPullContainerError or exec format error, "
    "and the stack rolls back.",
    asks=["ecr:BatchGetImage"],
    sources=[_PULL],
    when=lambda config: bool(config.gateway.models and config.gateway.image),
)
def gateway_image(case: Case) -> Iterator[Found]:
    uri = str(case.config.gateway.image)
    match = _ECR.fullmatch(uri)
    if match is None:
        yield Found(
            "note",
            f"{uri} is not in ECR, and was not looked for",
            f"docker manifest inspect {uri}",
        )
        return
    manifest = _manifest(
        case, match["account"], match["name"], match["version"], region=match["region"]
    )
    build = (
        f"docker buildx build --platform linux/arm64 --push -t {uri} "
        "-f workloads/gateway/Dockerfile ."
    )
    if manifest is None:
        yield Found("fails", f"there is no image {uri}", build)
        return
    platforms = _architectures(manifest)
    if platforms and "arm64" not in platforms:
        yield Found("fails", f"{uri} is for {', '.join(platforms)}, and the tasks are arm64", build)


def _architectures(manifest: str) -> list[str]:
    """The processors that an index names; none for the manifest of a single image."""
    rows = json.loads(manifest or "{}").get("manifests", [])
    found = (row.get("platform", {}).get("architecture") for row in rows)
    return [name for name in found if name and name != "unknown"]


@question(
    "endpoint-image",
    "images",
    title="AWS's image of the SageMaker endpoints is in the region's registry",
    without="The endpoint's stack fails: the image does not exist, or cannot be read.",
    asks=["ecr:BatchGetImage"],
    sources=[_PULL, "https://github.com/aws/deep-learning-containers"],
    when=lambda config: bool(config.endpoints),
)
def endpoint_image(case: Case) -> Iterator[Found]:
    its = VERSIONS.sagemaker
    if _manifest(case, its.account, its.repository, its.tag) is None:
        yield Found(
            "fails",
            f"there is no image {its.uri(case.region)}",
            "pin a tag that AWS publishes, in workloads/versions.toml under [sagemaker]",
        )


@question(
    "job-images",
    "images",
    title="The project's own images, which jobs run, are pushed for each pool",
    without="A job's pods stay in ImagePullBackOff.",
    asks=["ecr:BatchGetImage", "cloudformation:DescribeStacks"],
    sources=[_PULL],
    when=lambda config: bool(config.pools),
)
def job_images(case: Case) -> Iterator[Found]:
    """A tag is a digest of the code, so that an image of an older state does not do."""
    repository = case.output("storage", "ImagesRepository")
    if repository is None:
        return  # it comes with the storage stack, and the images after that
    registry, _, name = repository.partition("/")
    pools: dict[str, list[str]] = {}
    for pool in case.config.pools:
        described = Pool(
            name=pool.name, instance_type=pool.instance_type, registry=registry, images=name
        )
        try:
            pools.setdefault(image(described), []).append(pool.name)
        except InputError:
            continue  # no image is pinned for it; a job has to name its own
    for uri, users in pools.items():
        tag = uri.rpartition(":")[2]
        if _manifest(case, registry.partition(".")[0], name, tag) is None:
            yield Found(
                "may fail",
                f"{uri}, which jobs of {listed(users)} run, is not pushed",
                f"python -m workloads.images --build {tag.rpartition('-')[0]} --to {repository} "
                "--push",
            )


@question(
    "mirrored",
    "images",
    title="Charts and images are in the account's own registry where there is no way out",
    without="The cluster's stack fails at the first chart, or pods stay in ImagePullBackOff.",
    asks=["ecr:BatchGetImage"],
    sources=[_PULL],
    when=lambda config: config.network.egress == "private",
)
def mirrored(case: Case) -> Iterator[Found]:
    missing = []
    for copy in plan(case.config):
        repository, _, version = copy.target.partition(":")
        if _manifest(case, case.account, repository, version) is None:
            missing.append(copy.target)
    if missing:
        folder = f" --environments {case.folder}" if case.folder else ""
        more = f" and {len(missing) - 3} more" if len(missing) > 3 else ""
        yield Found(
            "fails",
            f"the registry of {case.account} lacks {', '.join(missing[:3])}{more}",
            f"python -m operations.mirror {case.name} --script{folder} | bash",
        )
