"""Judge CloudFormation templates for nodes with EFA, Neuron and EKS, without an account.

  python -m operations.checker cdk.out                every stack of a CDK application
  python -m operations.checker nodes.yaml vpc.yaml    templates that are deployed together
  python -m operations.checker --rules                what is looked at, and why

A template may be JSON or YAML, of any origin: managed node groups, Auto Scaling groups, launch
templates, security groups, and Kubernetes manifests and charts that the CDK applies. References
are followed within a template, into nested stacks, and between the templates given; parameters
count with their defaults. What only a deployment can know is not judged.
"""

import argparse
import sys
from pathlib import Path

from operations.checker import report
from operations.checker.checking import judge
from operations.checker.deployment import Deployment
from operations.checker.loading import InputError, load
from operations.checker.registry import Finding
from workloads.command import end


def main(argv: list[str] | None = None) -> int:
    """0: every rule holds. 1: one does not. 2: a path holds no template."""
    parser = _parser()
    options = parser.parse_args(argv)
    if options.rules:
        print(report.rules_json() if options.json else report.rules_text())
        return 0
    if not options.paths:
        parser.error("give a template, a folder of templates, or a cdk.out")
    try:
        sets = load(options.paths)
    except InputError as error:
        print(error, file=sys.stderr)
        return 2
    findings: list[Finding] = [finding for templates in sets for finding in judge(templates)]
    names = [template.name for templates in sets for template in templates]
    if options.json:
        print(report.findings_json(findings, names))
    else:
        for paragraph in report.paragraphs(findings):
            print(paragraph, end="\n\n")
        groups = sum(len(Deployment(templates).node_groups) for templates in sets)
        print(report.summary(findings, len(names), groups))
    return 1 if findings else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m operations.checker",
        description=__doc__,
        epilog="exit status: 0 nothing found, 1 findings, 2 a path that holds no template",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "paths",
        metavar="PATH",
        type=Path,
        nargs="*",
        help="a template (JSON or YAML), a folder of templates, or a cdk.out",
    )
    parser.add_argument(
        "--json", action="store_true", help="findings, or rules, as one JSON object"
    )
    parser.add_argument("--rules", action="store_true", help="list the rules and end")
    return parser


if __name__ == "__main__":
    end(main)
