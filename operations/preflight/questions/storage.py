"""Whether the account has room for the buckets, the file system and the nodes' disks."""

from collections.abc import Iterator

from operations.preflight.aws import Refused
from operations.preflight.needs import BUCKETS, SYSTEM_GIB, SYSTEM_NODES, root_gib
from operations.preflight.quotas import ASKS, SOURCE, Quota, room
from operations.preflight.registry import Case, Found, question

_GIB_PER_TIB = 1024


@question(
    "buckets",
    "storage",
    title="The account may have the storage stack's buckets",
    without="The storage stack fails: TooManyBuckets.",
    asks=[*ASKS, "s3:ListBuckets", "cloudformation:DescribeStacks"],
    sources=["https://docs.aws.amazon.com/AmazonS3/latest/userguide/BucketRestrictions.html"],
)
def buckets(case: Case) -> Iterator[Found]:
    if "storage" not in case.stacks:
        used = len(case.ask("s3", "ListBuckets")["Buckets"])
        quota = Quota("s3", "L-DC2B2D3D", "buckets of the account")
        yield from room(case, quota, used=used, need=BUCKETS)


@question(
    "repository-name",
    "storage",
    title="No repository that another stack or hand made has the name of the environment's",
    without="The storage stack fails: RepositoryAlreadyExistsException. A stack that retains its "
    "data leaves the repository behind when it is deleted.",
    asks=["cloudformation:DescribeStacks", "ecr:DescribeRepositories"],
    sources=["https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_CreateRepository.html"],
)
def repository_name(case: Case) -> Iterator[Found]:
    name = f"{case.name}/workloads"
    if "storage" in case.stacks:
        return
    try:
        case.ask("ecr", "DescribeRepositories", repositoryNames=[name])
    except Refused as error:
        if error.code != "RepositoryNotFoundException":
            raise
        return
    yield Found(
        "fails",
        f"there is a repository {name} already, and no stack of {case.name} has made it",
        case.command(f"ecr delete-repository --force --repository-name {name}"),
    )


@question(
    "volumes",
    "storage",
    title="The gp3 quota holds the root volumes of all nodes at max_nodes",
    without="Nodes do not start: VolumeLimitExceeded.",
    asks=[*ASKS, "ec2:DescribeVolumes"],
    sources=["https://docs.aws.amazon.com/ebs/latest/userguide/ebs-resource-quotas.html", SOURCE],
)
def volumes(case: Case) -> Iterator[Found]:
    """The disks of nodes that run already are counted twice, on the safe side."""
    answer = case.ask(
        "ec2", "DescribeVolumes", Filters=[{"Name": "volume-type", "Values": ["gp3"]}]
    )
    nodes = sum(pool.max_nodes * root_gib(pool) for pool in case.config.pools)
    yield from room(
        case,
        Quota("ebs", "L-7A658B76", "TiB of gp3 volumes in the region"),
        used=round(sum(row["Size"] for row in answer["Volumes"]) / _GIB_PER_TIB, 1),
        need=round((nodes + SYSTEM_NODES * SYSTEM_GIB) / _GIB_PER_TIB, 1),
        severity="may fail",
    )


@question(
    "lustre",
    "storage",
    title="The account may have another FSx for Lustre file system",
    without="The storage stack fails: ServiceLimitExceeded.",
    asks=[*ASKS, "fsx:DescribeFileSystems", "cloudformation:DescribeStacks"],
    sources=["https://docs.aws.amazon.com/fsx/latest/LustreGuide/limits.html", SOURCE],
    when=lambda config: config.storage.lustre_gib > 0,
)
def lustre(case: Case) -> Iterator[Found]:
    if "storage" in case.stacks:
        return
    systems = case.ask("fsx", "DescribeFileSystems")["FileSystems"]
    used = sum(
        row.get("LustreConfiguration", {}).get("DeploymentType") == "PERSISTENT_2"
        for row in systems
    )
    quota = Quota("fsx", "L-FD6F2F22", "Lustre Persistent_2 file systems")
    yield from room(case, quota, used=used, need=1)
