"""The plan as a shell script, for a machine that has a way out and the account's credentials.

`crane copy` keeps digests and takes charts of OCI registries as it takes images
(google/go-containerregistry, cmd/crane/doc/crane_copy.md); a chart of a Helm repository is pulled
and pushed by helm (Amazon ECR user guide, push-oci-artifact). Not run against an account yet.
"""

import re
from collections.abc import Sequence
from shlex import quote

from operations.mirror.plan import Copy

_HEAD = """\
#!/usr/bin/env bash
# Fills the account's own registry with what the environment {name} pulls. What is there already is
# left alone, so that the script can be run again. Needs aws, crane and helm, and a way out.
# Not run against an account yet by the project that wrote it.
set -euo pipefail

REGION={region}
ACCOUNT={account}
REGISTRY=$ACCOUNT.dkr.ecr.$REGION.amazonaws.com
WORK=$(mktemp -d)
trap 'rm -rf "$WORK"' EXIT

for tool in aws crane helm; do
  command -v "$tool" >/dev/null || {{ echo "$tool is not installed" >&2; exit 1; }}
done
"""

_IDENTITY = """
caller=$(aws sts get-caller-identity --query Account --output text)
[ "$caller" = "$ACCOUNT" ] ||
  { echo "these are credentials of $caller; the environment is for $ACCOUNT" >&2; exit 1; }
"""

_FUNCTIONS = """
sign_in() { # REGISTRY REGION
  aws ecr get-login-password --region "$2" | crane auth login "$1" -u AWS --password-stdin
}

repository() { # NAME
  aws ecr describe-repositories --region "$REGION" --repository-names "$1" >/dev/null 2>&1 ||
    aws ecr create-repository --region "$REGION" --repository-name "$1" >/dev/null \\
      --image-tag-mutability IMMUTABLE --image-scanning-configuration scanOnPush=true
}

present() { # PATH:TAG
  crane digest "$REGISTRY/$1" >/dev/null 2>&1
}

artifact() { # SOURCE PATH:TAG
  repository "${2%%:*}"
  present "$2" || { echo "$1" && crane copy "$1" "$REGISTRY/$2"; }
}

chart() { # HELM-REPOSITORY FOLDER NAME VERSION
  repository "$2/$3"
  present "$2/$3:$4" || {
    echo "$1 $3 $4"
    helm pull "$3" --repo "$1" --version "$4" --destination "$WORK"
    helm push "$WORK/$3-$4.tgz" "oci://$REGISTRY/$2"
  }
}

sign_in "$REGISTRY" "$REGION"
aws ecr get-login-password --region "$REGION" |
  helm registry login "$REGISTRY" -u AWS --password-stdin
"""

_ECR = re.compile(r"\d{12}\.dkr\.ecr\.([a-z0-9-]+)\.amazonaws\.com")


def script(name: str, region: str, account: str | None, copies: Sequence[Copy]) -> str:
    """Bash that makes the copies; of the caller's account where the environment names none."""
    caller = "$(aws sts get-caller-identity --query Account --output text)"
    parts = [_HEAD.format(name=quote(name), region=quote(region), account=account or caller)]
    if account:
        parts.append(_IDENTITY)
    parts.append(_FUNCTIONS)
    registries = {m[0]: m[1] for copy in copies if (m := _ECR.match(copy.source))}
    parts += [f"sign_in {registry} {there}\n" for registry, there in registries.items()]
    return "".join([*parts, "\n", *(f"{_line(copy)}\n" for copy in copies)])


def _line(copy: Copy) -> str:
    if not copy.source.startswith("https://"):
        return f"artifact {quote(copy.source)} {quote(copy.target)}"
    path, _, version = copy.target.partition(":")
    folder, _, name = path.rpartition("/")
    return " ".join(["chart", *map(quote, (copy.source, folder, name, version))])
