"""Renew workloads/hardware.json from EC2: python -m operations.catalog [--region R ...] [--check].

Needs ec2:DescribeRegions, ec2:DescribeInstanceTypes and ec2:DescribeInstanceTypeOfferings.
Credentials, region and endpoint come from the AWS SDK's standard environment.
"""

import argparse
import json
import sys
from pathlib import Path

import boto3
from botocore.exceptions import BotoCoreError, ClientError

import workloads
from operations.catalog.refresh import Rows, differences, dump, refresh

HARDWARE = Path(workloads.__file__).parent / "hardware.json"


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m operations.catalog", description=__doc__)
    parser.add_argument(
        "--region",
        action="append",
        dest="regions",
        metavar="R",
        help="ask only this region, and keep what the file says of the others; may be repeated "
        "(default: every region the account has enabled)",
    )
    parser.add_argument(
        "--check", action="store_true", help="write nothing; exit 1 if EC2 answers differently"
    )
    parser.add_argument("--file", type=Path, default=HARDWARE, help="default: %(default)s")
    options = parser.parse_args(arguments)
    known: Rows = json.loads(options.file.read_text()) if options.file.exists() else {}
    session = boto3.Session()
    try:
        regions = options.regions or sorted(
            region["RegionName"] for region in session.client("ec2").describe_regions()["Regions"]
        )
        rows = refresh(
            lambda region: session.client("ec2", region_name=region),
            regions,
            known,
            lambda line: print(line, file=sys.stderr, flush=True),
        )
    except (BotoCoreError, ClientError) as error:
        print(f"EC2 did not answer: {error}", file=sys.stderr)
        return 1
    changed = differences(known, rows)
    if not changed:
        print(f"{options.file.name} is what EC2 answers: {len(rows)} types.")
        return 0
    if options.check:
        print(
            f"{options.file} is not what EC2 answers for {', '.join(changed)}; "
            "run python -m operations.catalog and review the difference.",
            file=sys.stderr,
        )
        return 1
    options.file.write_text(dump(rows))
    print(f"{options.file}: {len(changed)} of {len(rows)} types changed.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
