"""How the command's parts describe themselves."""

from argparse import _SubParsersAction

from workloads.command import Parser


def command(
    commands: "_SubParsersAction[Parser]", name: str, summary: str, *, json: bool = True
) -> Parser:
    """One more of `commands`; most print JSON when asked to."""
    options = commands.add_parser(name, help=summary, description=summary)
    if json:
        options.add_argument("--json", action="store_true", help="print JSON")
    return options
