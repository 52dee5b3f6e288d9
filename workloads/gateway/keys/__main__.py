"""API keys of the gateway: create, list, rotate, revoke.

    python -m workloads.gateway.keys create --state gateway.db --tenant team-a
    python -m workloads.gateway.keys rotate --table TABLE 3f9a1c2b --overlap 24h

Keys are kept in the file that the gateway is started with (--state), or in its DynamoDB table
(--table, through the AWS SDK's standard environment). A new key is printed once, on standard
output alone, and stored nowhere: only its SHA-256 is. Exit codes: 0 done; 2 what was asked cannot
be done, in one sentence; 1 anything else.
"""

import argparse
import json
import os
import sqlite3
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError, NoCredentialsError, NoRegionError
from botocore.session import Session

from workloads.command import end
from workloads.gateway.config import TenantConfig
from workloads.gateway.keys.commands import (
    KeyCommandError,
    about,
    create,
    id_of,
    revoke,
    rotate,
    seconds,
)
from workloads.gateway.keys.rows import FileRows, Rows, TableRows

SETTINGS = ("requests_per_minute", "tokens_per_minute", "monthly_budget_usd", "models", "admin")


def main(arguments: Sequence[str] | None = None) -> None:
    """Do what the command line says."""
    options = _parser().parse_args(arguments)
    region = os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION")
    try:
        rows = _rows(options, region)
        match options.command:
            case "create":
                _create(rows, options)
            case "list":
                _list(rows, options)
            case "rotate":
                overlap = seconds(options.overlap)
                key, row = rotate(rows, options.id, now=_now(), overlap=overlap)
                _print_key(key, row, options.json)
                _say(f"{options.id} goes on for {options.overlap}, {id_of(row)} takes its place")
            case "revoke":
                row = revoke(rows, options.id)
                left = sum(other.name == row.name for other in rows.all())
                if options.json:
                    print(json.dumps({"id": options.id, "tenant": row.name, "keys_left": left}))
                _say(f"{options.id} of {row.name} is revoked, {left} of its keys are left")
    except KeyCommandError as error:
        _say(str(error))
        sys.exit(2)
    except NoRegionError:
        _say("the region of the table is not known; AWS_REGION names it, such as us-east-2")
        sys.exit(2)
    except NoCredentialsError:
        _say("there are no AWS credentials; AWS_PROFILE or AWS_ACCESS_KEY_ID give some")
        sys.exit(2)
    except ClientError as error:
        _say(f"table {options.table}: {error.response['Error'].get('Message', error)}")
        sys.exit(2 if error.response["Error"]["Code"] == "ResourceNotFoundException" else 1)
    except (BotoCoreError, sqlite3.Error, OSError) as error:
        _say(f"{options.state or options.table}: {error}")
        sys.exit(1)


def _parser() -> argparse.ArgumentParser:
    place = argparse.ArgumentParser(add_help=False)
    where = place.add_mutually_exclusive_group(required=True)
    where.add_argument("--state", type=Path, metavar="FILE", help="the gateway's SQLite file")
    where.add_argument("--table", metavar="NAME", help="the gateway's DynamoDB table of tenants")
    place.add_argument("--json", action="store_true", help="print JSON on standard output")
    parser = argparse.ArgumentParser(
        prog="python -m workloads.gateway.keys",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    new = commands.add_parser(
        "create",
        parents=[place],
        help="a new key, for a new tenant or one more for an old one",
        description="Makes a key. Limits that are given hold for all keys of the tenant; those "
        "that are not stay as they are, and are none for a new tenant.",
    )
    new.add_argument("--tenant", required=True, help="whose: letters, digits and . _ : / -")
    new.add_argument("--requests-per-minute", type=int, metavar="N")
    new.add_argument(
        "--tokens-per-minute", type=int, metavar="N", help="input and output, as the model counts"
    )
    new.add_argument("--monthly-budget-usd", type=float, metavar="USD")
    new.add_argument("--models", nargs="+", metavar="MODEL", help="only these; default: all")
    new.add_argument(
        "--admin", action=argparse.BooleanOptionalAction, help="sees the usage of all tenants"
    )
    new.add_argument("--expires", metavar="TIME", help="after which it ends, such as 90d")
    new.add_argument(
        "--subject",
        help="instead of a key: what a token that the load balancer has verified says of its "
        "owner, where the gateway's file has [jwt]",
    )
    commands.add_parser(
        "list",
        parents=[place],
        help="all keys, without their secrets",
        description="Tells all keys, without their secrets. One that was made over 90 days ago and "
        "has no end is called old: `rotate` puts another in its place.",
    )
    other = commands.add_parser(
        "rotate", parents=[place], help="a new key in the place of one, which goes on for a while"
    )
    other.add_argument("id", help="of the old key, as `list` shows it")
    other.add_argument(
        "--overlap", default="24h", metavar="TIME", help="both work so long (default: %(default)s)"
    )
    gone = commands.add_parser(
        "revoke",
        parents=[place],
        help="take a key away",
        description="Takes a key away. A gateway with --state knows it within a second, one with "
        "a table within a minute.",
    )
    gone.add_argument("id", help="as `list` shows it")
    return parser


def _rows(options: argparse.Namespace, region: str | None) -> Rows:
    if options.state is None:
        dynamodb: Any = Session().create_client("dynamodb", region_name=region)
        return TableRows(dynamodb, options.table)
    if options.command != "create" and not options.state.exists():
        raise KeyCommandError(f"{options.state} does not exist; `create` makes it")
    try:
        return FileRows(options.state)
    except sqlite3.Error as error:
        raise KeyCommandError(f"{options.state} cannot be used: {error}") from error


def _create(rows: Rows, options: argparse.Namespace) -> None:
    given = {name: getattr(options, name) for name in SETTINGS}
    settings = {name: value for name, value in given.items() if value is not None}
    lifetime = None if options.expires is None else seconds(options.expires)
    key, row = create(
        rows,
        options.tenant,
        settings,
        now=_now(),
        lifetime=lifetime,
        subject=options.subject,
    )
    _print_key(key, row, options.json)


def _print_key(key: str | None, row: TenantConfig, as_json: bool) -> None:
    if as_json:
        print(json.dumps({**about(row, _now()), **({} if key is None else {"key": key})}))
    elif key is not None:
        print(key)
        _say(f"key {id_of(row)} of {row.name}; it is not shown again")
    else:
        _say(f"tokens of {row.subject} are {row.name}'s")


def _list(rows: Rows, options: argparse.Namespace) -> None:
    told = [about(row, _now()) for row in rows.all()]
    if options.json:
        print(json.dumps(told))
        return
    print(f"{'ID':10} {'TENANT':20} {'CREATED':11} {'EXPIRES':17} SETTINGS")
    for row in told:
        ends = _day(row.get("expires"), "%Y-%m-%d %H:%M")
        settings = " ".join(
            f"{name}={','.join(row[name]) if name == 'models' else row[name]}"
            for name in ("subject", *SETTINGS)
            if name in row
        )
        note = " (expired)" if row["expired"] else " (old: rotate it)" if row["old"] else ""
        made = _day(row.get("created"), "%Y-%m-%d")
        print(f"{row['id']:10} {row['name']:20} {made:11} {ends:17} {settings}{note}")


def _day(at: int | None, form: str) -> str:
    return "-" if at is None else time.strftime(form, time.gmtime(at))


def _now() -> int:
    return int(time.time())


def _say(sentence: str) -> None:
    print(sentence, file=sys.stderr)


if __name__ == "__main__":
    end(main)
