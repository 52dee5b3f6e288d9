"""Renew workloads/hardware.json from EC2, or add families to it.

  python -m operations.catalog [--region R ...] [--family F ...] [--check]

Needs ec2:DescribeRegions, ec2:DescribeInstanceTypes and ec2:DescribeInstanceTypeOfferings.
Credentials and endpoint come from the AWS SDK's standard environment.
"""

import argparse
import json
import sys
from pathlib import Path

import boto3
from botocore.exceptions import BotoCoreError, ClientError, UnknownRegionError

import workloads
from operations.catalog.refresh import NoAnswer, Rows, Unfit, differences, dump, family, refresh
from workloads.command import end

HARDWARE = Path(workloads.__file__).parent / "hardware.json"


def main(arguments: list[str] | None = None) -> int:
    options = _parser().parse_args(arguments)
    session = boto3.Session()
    try:
        for region in options.regions or ():
            session.get_partition_for_region(region)
        known = _read(options.file)
    except UnknownRegionError:
        print(f"{region!r} is not a region; give one such as us-east-2", file=sys.stderr)
        return 2
    except ValueError as error:
        print(error, file=sys.stderr)
        return 2
    families = {family(name) for name in known} | set(options.families)
    if not families:
        print(f"{options.file} has no families yet; name them with --family", file=sys.stderr)
        return 2
    try:
        rows = refresh(
            lambda region: session.client("ec2", region_name=region),
            options.regions or _enabled_regions(session),
            families,
            known,
            lambda line: print(line, file=sys.stderr, flush=True),
        )
    except NoAnswer as error:
        print(error, file=sys.stderr)
        return 1
    except Unfit as error:
        print(error, file=sys.stderr)
        return 2
    return _conclude(options.file, known, rows, check=options.check)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m operations.catalog",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--region",
        action="append",
        dest="regions",
        metavar="R",
        help="ask only this region and keep what the file says of the others; may be repeated "
        "(default: every region the account has enabled)",
    )
    parser.add_argument(
        "--family",
        action="append",
        dest="families",
        default=[],
        metavar="F",
        help="add a family, such as g6, to those of the file; may be repeated",
    )
    parser.add_argument(
        "--check", action="store_true", help="write nothing; exit 1 if EC2 answers differently"
    )
    parser.add_argument(
        "--file", type=Path, default=HARDWARE, metavar="F", help="default: workloads/hardware.json"
    )
    return parser


def _read(path: Path) -> Rows:
    """The rows of a file; none if there is no file. Raises ValueError with a sentence."""
    try:
        rows: Rows = json.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise ValueError(f"{path} cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise ValueError(f"{path} is not JSON ({error}); remove it to begin anew") from error
    return rows


def _enabled_regions(session: boto3.Session) -> list[str]:
    home = session.region_name or "us-east-1"
    try:
        answer = session.client("ec2", region_name=home).describe_regions()
    except (BotoCoreError, ClientError) as error:
        raise NoAnswer(f"EC2 in {home} did not answer: {error}") from error
    return sorted(region["RegionName"] for region in answer["Regions"])


def _conclude(path: Path, known: Rows, rows: Rows, *, check: bool) -> int:
    changed = differences(known, rows)
    if not changed:
        print(f"{path.name} is what EC2 answers: {len(rows)} types.")
        return 0
    if check:
        print(
            f"{path.name} is not what EC2 answers for {', '.join(changed)}; "
            "run python -m operations.catalog and review the difference.",
            file=sys.stderr,
        )
        return 1
    try:
        path.write_text(dump(rows), "utf-8")
    except OSError as error:
        print(f"{path} cannot be written: {error.strerror}", file=sys.stderr)
        return 1
    print(f"{path.name}: {len(changed)} of {len(rows)} types changed.")
    return 0


if __name__ == "__main__":
    end(main)
