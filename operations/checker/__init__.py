"""A static checker of CloudFormation templates for nodes with EFA, Neuron and EKS.

`check` judges templates that are deployed together by every rule of `RULES`; the same as a
command is `python -m operations.checker`. It reads the hardware table and the version table, and
shares nothing with the code that writes this project's templates.
"""

from operations.checker.checking import check, judge
from operations.checker.registry import SEVERITIES, Finding, Rule
from operations.checker.resolving import Template
from operations.checker.rules import RULES

__all__ = ["RULES", "SEVERITIES", "Finding", "Rule", "Template", "check", "judge"]
