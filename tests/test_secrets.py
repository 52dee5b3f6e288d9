"""No secret is in the repository or in a template; where a key may be pasted, its digest stands."""

import json
import re
import subprocess
from contextlib import suppress
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
# What the makers of keys say of their form.
FORMS = {
    # But for the one that AWS's documentation shows.
    "AWS access key": r"\b(?!AKIAIOSFODNN7EXAMPLE)(?:AKIA|ASIA)[A-Z2-7]{16}\b",
    "AWS secret key": r"(?i)aws_secret_access_key\W{1,5}[A-Za-z0-9/+]{40}\b",
    "private key": r"-----BEGIN (?:[A-Z]+ )*PRIVATE KEY-----(?:\s|\\n)*[A-Za-z0-9+/=]{20}",
    "GitHub token": r"\b(?:gh[pousr]_[A-Za-z0-9]{36}|github_pat_[A-Za-z0-9_]{60})",
    "key of OpenAI or Anthropic": r"\bsk-(?:proj-|ant-)[A-Za-z0-9_-]{32}",
    "key of this gateway": r"\bsk-[0-9a-f]{8}-[A-Za-z0-9_-]{43}\b",
    "Hugging Face token": r"\bhf_[A-Za-z0-9]{34}\b",
    "Slack token": r"\bxox[abprs]-[A-Za-z0-9-]{20}",
}
# The name of a field of a template that would hold one.
SECRET = re.compile(r"(?i)password|secret|token|credential|api_?key|private_?key")
NO_SECRET = {"HttpTokens"}  # of the metadata service: "required"


def found(text):
    return sorted(name for name, form in FORMS.items() if re.search(form, text))


def test_no_file_of_the_repository_holds_a_key():
    listed = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    files = [ROOT / name for name in listed.stdout.split("\0") if name]
    texts = {file: file.read_bytes().decode("utf-8", "replace") for file in files if file.is_file()}

    assert len(texts) > 500
    assert {str(file): found(text) for file, text in texts.items() if found(text)} == {}


@pytest.mark.parametrize(
    ("name", "key"),
    [
        ("AWS access key", "AKIA" + "QWERTYUIOPASDFGH"),
        ("private key", "-----BEGIN " + "RSA PRIVATE KEY-----\nMIIEowIBAAKCAQEAabcdef"),
        ("GitHub token", "ghp_" + "a1" * 18),
        ("key of this gateway", "sk-" + "0a1b2c3d-" + "Ab" * 21 + "c"),
        ("key of OpenAI or Anthropic", "sk-ant-" + "a" * 40),
    ],
)
def test_a_key_would_be_found(name, key):
    assert found(f"key = {key!r}") == [name]


def text(parts):
    return "".join(part if isinstance(part, str) else "…" for part in parts)


def secrets(value, path=""):
    """The paths of fields whose name speaks of a secret and whose value is a literal text."""
    match value:
        case {"Fn::Join": [_, parts]}:
            yield from secrets(text(parts), path)
        case list():
            for one in value:
                yield from secrets(one, path)
        case dict():
            for key, inner in value.items():
                if SECRET.search(key) and key not in NO_SECRET and isinstance(inner, str) and inner:
                    yield f"{path}/{key}"
                yield from secrets(inner, f"{path}/{key}")
        case str() if value.startswith(("{", "[")):
            with suppress(json.JSONDecodeError):  # TOML begins so too
                yield from secrets(json.loads(value), path)


@pytest.mark.parametrize("environment", ["demo", "dev", "prod", "closed", "open"])
def test_no_template_holds_a_secret(stacks, environment):
    for name, stack in stacks(environment).items():
        assert found(json.dumps(stack.template)) == [], name
        assert list(secrets(stack.template["Resources"])) == [], name
        # A secret that is kept would have to be rotated: say how in docs/operations.md.
        assert not stack.every("AWS::SecretsManager::Secret"), name


def test_a_secret_in_the_values_of_a_chart_would_be_found():
    values = json.dumps({"grafana": {"adminPassword": "hunter2", "replicas": 2}})

    assert list(secrets({"Values": {"Fn::Join": ["", [values]]}})) == [
        "/Values/grafana/adminPassword"
    ]
