"""Put open-loop load on any server with OpenAI's API, and measure.

Requests leave at moments fixed in advance, whether or not earlier ones were answered, and latency
counts from those moments: a server that stalls cannot slow down the questions it is asked. Writes
result.json and load.png. The key, if the server wants one, is the environment's OPENAI_API_KEY.
"""

import argparse
import asyncio
import json
import math
import re
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from workloads.benchmark import cost
from workloads.benchmark.picture import draw
from workloads.benchmark.place import now, this_machine
from workloads.benchmark.plan import Lengths, Prompt, drawn_prompts, read_prompts
from workloads.benchmark.serving import Load, Result, hardware_of, measure
from workloads.benchmark.table import serving_table
from workloads.command import InputError, count
from workloads.files import open_folder


def add_options(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("--url", required=True, help="of the API, such as http://127.0.0.1:8000/v1")
    add("--model", required=True, help="its name there")
    add("--api", choices=("chat", "completions"), default="chat", help="(%(default)s)")
    add("--rates", type=_positive, nargs="+", required=True, metavar="R",
        help="requests per second, one run for each")  # fmt: skip
    add("--arrivals", choices=("poisson", "constant"), default="poisson", help="(%(default)s)")
    add("--seconds", type=_positive, default=60.0, metavar="S", help="for each (%(default)g)")
    add("--warmup", type=_not_negative, default=10.0, metavar="S",
        help="of the same load before, not measured (%(default)g)")  # fmt: skip
    add("--timeout", type=_positive, default=120.0, metavar="S",
        help="for a whole answer; then the request has failed (%(default)g)")  # fmt: skip
    add("--prompt-tokens", type=_lengths, default=Lengths(mean=64), metavar="N[:DEVIATION]",
        help="random words, about one token each (64)")  # fmt: skip
    add("--output-tokens", type=_lengths, default=Lengths(mean=32), metavar="N[:DEVIATION]",
        help="the most to answer (32)")  # fmt: skip
    add("--prompts", type=Path, metavar="FILE",
        help='instead: lines of {"prompt": "…", "max_tokens": 100}')  # fmt: skip
    add("--body", type=_object, default={}, metavar="JSON",
        help='added to each request, such as {"ignore_eos": true} for vLLM')  # fmt: skip
    add("--seed", type=int, default=0, help="of arrivals, prompts and lengths (%(default)s)")
    add("--hardware", metavar="TEXT", help="what serves, for the record")
    add("--software", default="not said", metavar="TEXT", help="with what, and which version")
    add("--out", default="benchmark", metavar="URI", help="a folder or s3:// (%(default)s)")
    cost.add_options(parser, count(1))


def work(
    options: argparse.Namespace, command: Sequence[str], environment: Mapping[str, str]
) -> None:
    if not re.match(r"https?://[^/]", options.url):
        raise InputError(f"--url {options.url} is no address such as http://127.0.0.1:8000/v1")
    rent = cost.rent(options)
    out = open_folder(options.out)
    prompts, about = _prompts(options)
    load = Load(
        url=options.url.rstrip("/"),
        model=options.model,
        api=options.api,
        rates=tuple(sorted(options.rates)),
        arrivals=options.arrivals,
        warmup=options.warmup,
        seconds=options.seconds,
        timeout=options.timeout,
        seed=options.seed,
        prompts=about,
        extra=options.body,
    )
    begun = now()
    console = Console(stderr=True)
    with Progress(
        TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(),
        console=console, disable=not sys.stderr.isatty(),
    ) as bars:  # fmt: skip

        def begin(rate: float, requests: int) -> Callable[[], None]:
            bar = bars.add_task(f"{rate:g} requests per second", total=requests)
            return lambda: bars.advance(bar)

        key = environment.get("OPENAI_API_KEY")
        rates = asyncio.run(measure(load, prompts, key=key, begin=begin))
    result = Result(
        load=load,
        hardware=hardware_of(load.url, options.hardware, rent, this_machine),
        software=options.software,
        begun=begun,
        command=command,
        rent=rent,
        rates=rates,
    )
    out.write("result.json", result.to_json())
    out.write("load.png", draw(result))
    Console().print(serving_table(result))


def _prompts(options: argparse.Namespace) -> tuple[Iterator[Prompt], str]:
    """The prompts, and what they are in words."""
    if options.prompts is not None:
        return read_prompts(options.prompts, seed=options.seed), f"prompts of {options.prompts}"
    prompt, output = options.prompt_tokens, options.output_tokens
    about = f"{prompt} random words in, at most {output} tokens out"
    return drawn_prompts(prompt=prompt, output=output, seed=options.seed), about


def _positive(text: str) -> float:
    value = _number(text)
    if not value > 0:
        raise argparse.ArgumentTypeError(f"{text} is not above 0")
    return value


def _not_negative(text: str) -> float:
    value = _number(text)
    if value < 0:
        raise argparse.ArgumentTypeError(f"{text} is below 0")
    return value


def _number(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise argparse.ArgumentTypeError(f"{text!r} is not a number")
    return value


def _lengths(text: str) -> Lengths:
    match = re.fullmatch(r"([1-9]\d*)(?::(\d+))?", text)
    if not match:
        raise argparse.ArgumentTypeError(f"{text!r} is neither a number such as 64 nor 64:8")
    return Lengths(mean=int(match[1]), deviation=int(match[2] or 0))


def _object(text: str) -> dict[str, object]:
    try:
        value = json.loads(text)
    except ValueError:
        value = None
    if not isinstance(value, dict):
        raise argparse.ArgumentTypeError(f"{text!r} is not a JSON object")
    return value
