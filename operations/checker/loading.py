"""Templates from files and folders: JSON, YAML with CloudFormation's short tags, CDK's cdk.out."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from operations.checker.resolving import Template
from operations.checker.values import mapping

_SUFFIXES = (".json", ".yaml", ".yml", ".template")


class InputError(ValueError):
    """A path that holds no template; the text is a sentence."""


def load(paths: list[Path]) -> list[list[Template]]:
    """The templates of files and folders, in sets that are deployed together.

    Files named one by one make one set, a folder of templates makes one, and each assembly of a
    CDK application one: environments have stacks of the same names and do not refer to each other.
    Raises InputError.
    """
    files: list[Template] = []
    sets = []
    for path in paths:
        if path.is_dir():
            found = list(_folder(path))
            if not found:
                raise InputError(
                    f"{path} holds no CloudFormation template; give a template, a folder of "
                    "templates, or the cdk.out of a CDK application after `cdk synth`"
                )
            sets += found
        else:
            files += _nesting(path, _read(path), stack=_stack_name(path), region=None)
    return [*([_once(files)] if files else []), *sets]


def _folder(path: Path) -> Iterator[list[Template]]:
    manifest = path / "manifest.json"
    artifacts = mapping(mapping(_parse(manifest)).get("artifacts")) if manifest.is_file() else None
    if artifacts:
        yield from _assembly(path, artifacts)
        return
    found: list[Template] = []
    for file in sorted(path.iterdir()):
        if file.suffix not in _SUFFIXES or not file.is_file():
            continue
        try:
            body = _parse(file)
        except InputError:
            if b"AWS::" in file.read_bytes():  # else it is a file of another kind
                raise
            continue
        if _is_template(body):
            found += _nesting(file, mapping(body), stack=_stack_name(file), region=None)
    if found:
        yield _once(found)


def _assembly(path: Path, artifacts: Mapping[str, Any]) -> Iterator[list[Template]]:
    """An assembly's own stacks, then those of the assemblies within it.

    aws-cdk-lib, cloud-assembly-schema: a stack's artifact has `environment`, such as
    aws://111122223333/us-east-2, and its template's file; a stage's has its folder.
    """
    stacks: list[Template] = []
    kinds = {name: mapping(artifact).get("type") for name, artifact in artifacts.items()}
    for name, artifact in artifacts.items():
        properties = mapping(mapping(artifact).get("properties"))
        if kinds[name] == "aws:cloudformation:stack":
            file = path / str(properties.get("templateFile"))
            region = str(artifact.get("environment")).rpartition("/")[2]
            stacks += _nesting(
                file,
                _read(file),
                stack=str(properties.get("stackName", name)),
                region=None if region.startswith("unknown") else region,
            )
    if stacks:
        yield stacks
    for name, artifact in artifacts.items():
        if kinds[name] == "cdk:cloud-assembly":
            yield from _folder(path / str(mapping(artifact.get("properties")).get("directoryName")))


def _nesting(
    file: Path,
    body: Mapping[str, Any],
    *,
    stack: str,
    region: str | None,
    parent: tuple[str, str] | None = None,
    above: frozenset[Path] = frozenset(),
) -> Iterator[Template]:
    """A template, and those of its nested stacks that lie beside it.

    The CDK names a nested stack's file in its metadata; `aws cloudformation package` takes a path
    for a URL.
    """
    yield Template(str(file), body, stack=stack, region=region, parent=parent)
    above = above | {file.resolve()}
    for name, resource in mapping(body.get("Resources")).items():
        if mapping(resource).get("Type") != "AWS::CloudFormation::Stack":
            continue
        inner = mapping(resource.get("Metadata")).get("aws:asset:path")
        inner = inner or mapping(resource.get("Properties")).get("TemplateURL")
        if isinstance(inner, str) and "://" not in inner and (file.parent / inner).is_file():
            child = file.parent / inner
            if child.resolve() not in above:
                yield from _nesting(
                    child,
                    _read(child),
                    stack=name,
                    region=region,
                    parent=(str(file), name),
                    above=above,
                )


def _once(templates: list[Template]) -> list[Template]:
    """Without those that are also nested in another, where their parameters are known."""
    nested = {template.name for template in templates if template.parent}
    return [t for t in templates if t.parent or t.name not in nested]


def _read(path: Path) -> Mapping[str, Any]:
    body = _parse(path)
    if not _is_template(body):
        raise InputError(
            f"{path} is not a CloudFormation template: it has no Resources; give one that has"
        )
    return mapping(body)


def _is_template(body: object) -> bool:
    return isinstance(mapping(body).get("Resources"), dict)


def _parse(path: Path) -> Any:
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise InputError(f"{path} is not UTF-8 text; its byte {error.start} is not") from error
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        if path.suffix == ".json":
            raise InputError(f"{path} is not JSON: {error}") from error
    return _yaml(path, text)


def _yaml(path: Path, text: str) -> Any:
    # Importing cfn-lint takes two seconds, which templates in JSON need not wait for.
    from cfnlint.decode import decode_str

    body, problems = decode_str(text)
    if problems:
        first = problems[0]
        raise InputError(f"{path} is not YAML, in line {first.linenumber}: {first.message}")
    return body


def _stack_name(path: Path) -> str:
    """A file's name as that of its stack, by which other templates may refer to it."""
    return path.name.removesuffix(path.suffix).removesuffix(".template")
