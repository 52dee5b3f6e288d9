"""Kubernetes objects checked offline, as strictly as an API server checks them.

The schemas come from published packages. Kubernetes' own kinds: kubernetes-validate, one set for
each minor version (its .0 release), with unknown keys refused. JobSet: kubeflow-trainer-api, whose
models are of JobSet 0.12.0 (https://github.com/kubeflow/trainer/blob/v2.3.0/go.mod); the types of
Kubernetes within them are taken from the version that is asked for. KEDA: what is used of its
ScaledObject, written down here. No package on PyPI or npm has schemas of Kueue's current API, so
that of its objects only names and labels are checked.
"""

import difflib
import re
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

from jsonschema import Draft202012Validator, ValidationError
from kubernetes_validate import utils
from referencing import Registry, Resource

NO_SCHEMA = "no published package has a schema of"
JOBSET_RELEASE = "0.12.0"
_DEFINITIONS = "/api/_definitions.json"  # what the package's schemas refer to
_JOBSET = ("jobset.x-k8s.io/v1alpha2", "JobSet")

# https://kubernetes.io/docs/concepts/overview/working-with-objects/names/ and .../labels/
_LABEL = r"[a-z0-9]([-a-z0-9]*[a-z0-9])?"
_SUBDOMAIN = re.compile(rf"(?=.{{1,253}}$){_LABEL}(\.{_LABEL})*")
_NAMESPACE = re.compile(rf"(?=.{{1,63}}$){_LABEL}")
_VALUE = re.compile(r"(?=.{0,63}$)([A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?)?")
_MAPS_OF_LABELS = ("labels", "matchLabels", "nodeLabels", "nodeSelector")
# https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/quantity/
_QUANTITY = r"^[+-]?(\d+(\.\d*)?|\.\d+)([KMGTPE]i|[numkMGTPE]|[eE][+-]?\d+)?$"


def problems(manifest: Mapping[str, Any], kubernetes_version: str) -> list[str]:
    """What an API server of `kubernetes_version`, such as "1.35", refuses in one object.

    Sentences that begin with the place, such as `spec.template.spec.containers[0]`; none when it
    is valid. A kind without a schema gets one that begins with `NO_SCHEMA`.
    ValueError for a Kubernetes version that the package has no schemas of.
    """
    api_version, kind = manifest.get("apiVersion"), manifest.get("kind")
    if not (isinstance(api_version, str) and isinstance(kind, str)):
        return ["the object needs an apiVersion and a kind, both text"]
    validator = _validator(kubernetes_version, api_version, kind)
    if validator is None:
        broken = [f"{NO_SCHEMA} {kind} in {api_version}"]
    else:
        broken = [_sentence(error) for error in validator.iter_errors(dict(manifest))]
    return sorted({*broken, *_naming(manifest, api_version), *_labels(manifest)})


def has_schema(manifest: Mapping[str, Any], kubernetes_version: str) -> bool:
    """Whether `problems` holds such an object to a schema."""
    kind = str(manifest.get("kind"))
    return _validator(kubernetes_version, str(manifest.get("apiVersion")), kind) is not None


# kedacore/keda 2.20.2, config/crd/bases/keda.sh_scaledobjects.yaml, without what nothing here uses;
# and of its triggers the metrics-api one: keda.sh/docs/2.20/scalers/metrics-api.
_SCALED_OBJECT = ("keda.sh/v1alpha1", "ScaledObject")
_WHOLE = {"type": "integer", "minimum": 0}
_METRICS_API = {
    "type": "object",
    "additionalProperties": False,
    "required": ["url", "valueLocation", "targetValue"],
    "properties": {
        "url": {"type": "string", "pattern": r"^https?://[^/]+\.[^/]+:\d+/"},
        "format": {"enum": ["json", "xml", "yaml", "prometheus"]},
        "valueLocation": {"type": "string"},
        "targetValue": {"type": "string", "pattern": r"^\d+(\.\d+)?$"},
        "activationTargetValue": {"type": "string", "pattern": r"^\d+(\.\d+)?$"},
        "timeout": {"type": "string"},
        "aggregateFromKubeServiceEndpoints": {"enum": ["true", "false"]},
        "aggregationType": {"enum": ["average", "sum", "max", "min"]},
    },
}
_TRIGGER = {
    "type": "object",
    "additionalProperties": False,
    "required": ["type", "metadata"],
    "properties": {"type": {"const": "metrics-api"}, "metadata": _METRICS_API},
}
_KEDA: dict[str, Any] = {
    "type": "object",
    "additionalProperties": False,
    "required": ["apiVersion", "kind", "metadata", "spec"],
    "properties": {
        "apiVersion": {"const": _SCALED_OBJECT[0]},
        "kind": {"const": _SCALED_OBJECT[1]},
        "metadata": {"type": "object", "required": ["name"]},
        "spec": {
            "type": "object",
            "additionalProperties": False,
            "required": ["scaleTargetRef", "triggers"],
            "properties": {
                "scaleTargetRef": {
                    "type": "object",
                    "additionalProperties": False,
                    "required": ["name"],
                    "properties": {
                        name: {"type": "string"} for name in ("apiVersion", "kind", "name")
                    },
                },
                "minReplicaCount": _WHOLE,
                "maxReplicaCount": _WHOLE,
                "idleReplicaCount": _WHOLE,
                "pollingInterval": _WHOLE,
                "cooldownPeriod": _WHOLE,
                "initialCooldownPeriod": _WHOLE,
                "triggers": {"type": "array", "minItems": 1, "items": _TRIGGER},
            },
        },
    },
}


@cache
def _validator(version: str, api_version: str, kind: str) -> Draft202012Validator | None:
    registry = _registry(version)
    if (api_version, kind) == _JOBSET:
        schema = _jobset(_definitions(version))
    elif (api_version, kind) == _SCALED_OBJECT:
        schema = _KEDA
    else:
        found = _kubernetes(version, api_version, kind)
        if found is None:
            return None
        schema = found
    return Draft202012Validator(schema, registry=registry)


@cache
def _registry(version: str) -> Registry[Any]:
    """What schemas refer to; crawled here, or each validation would do it again."""
    resources = [(_DEFINITIONS, Resource.from_contents(_definitions(version)))]
    return Registry().with_resources(resources).crawl()


@cache
def _definitions(version: str) -> dict[str, Any]:
    """The types that schemas of a Kubernetes version share; numbers and quantities put right."""
    known = {utils.major_minor(full) for full in utils.all_versions()}
    if version not in known:
        oldest, *_, newest = sorted(known, key=lambda text: [int(n) for n in text.split(".")])
        raise ValueError(
            f"there is no schema of Kubernetes {version!r} here: give one from {oldest} to "
            f"{newest}, as major and minor number"
        )
    definitions: dict[str, Any] = utils.schema_contents(_file(version, "_definitions"), version)
    types = definitions["$defs"]
    # The package leaves any text as a quantity, and words a wrong type as two failed guesses.
    types["io.k8s.apimachinery.pkg.api.resource.Quantity"] = {
        "type": ["string", "number", "null"],
        "pattern": _QUANTITY,
    }
    types["io.k8s.apimachinery.pkg.util.intstr.IntOrString"] = {
        "type": ["string", "integer", "null"]
    }
    return definitions


def _kubernetes(version: str, api_version: str, kind: str) -> dict[str, Any] | None:
    group, _, number = api_version.rpartition("/")
    short = f"{group.split('.')[0]}-{number}" if group else number
    try:
        schema: dict[str, Any] = utils.schema_contents(
            _file(version, f"{kind.lower()}-{short}"), version
        )
    except FileNotFoundError:
        return None
    wanted = {"group": group, "kind": kind, "version": number}
    # The file's name has neither the group's domain nor the case of the kind.
    return schema if wanted in schema.get("x-kubernetes-group-version-kind", []) else None


def _file(version: str, name: str) -> str:
    return f"kubernetes-json-schema/v{version}.0-local-strict/{name}.json"


def _jobset(definitions: Mapping[str, Any]) -> dict[str, Any]:
    # Here, because it takes a second and most callers have no JobSet.
    from kubeflow_trainer_api.models.jobset_v1alpha2_job_set import JobsetV1alpha2JobSet

    schema = JobsetV1alpha2JobSet.model_json_schema(by_alias=True)
    by_class_name = {name.replace(".", "").lower(): name for name in definitions["$defs"]}
    for name, definition in schema["$defs"].items():
        if known := by_class_name.get(name.lower()):
            schema["$defs"][name] = {"$ref": f"{_DEFINITIONS}#/$defs/{known}"}
        else:
            definition["additionalProperties"] = False
    result: dict[str, Any] = _without_null(schema | {"additionalProperties": False})
    return result


def _without_null(schema: Any) -> Any:
    """A schema whose alternatives to null are the only choice, so that errors name the place."""
    match schema:
        case {"anyOf": [wanted, {"type": "null"}]}:
            return _without_null(wanted)
        case dict():
            return {name: _without_null(part) for name, part in schema.items()}
        case list():
            return [_without_null(part) for part in schema]
    return schema


def _sentence(error: ValidationError) -> str:
    place = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in error.path)
    place = place.removeprefix(".") or "the object"
    if error.validator != "additionalProperties":
        return f"{place}: {error.message}"
    known = list(error.schema.get("properties", {}))
    unknown = sorted(set(error.instance) - set(known))
    near = [match for key in unknown for match in difflib.get_close_matches(key, known, n=1)]
    hint = f"; did you mean {', '.join(near)}?" if near else ""
    return f"{place}: unknown key {', '.join(unknown)}{hint}"


def _naming(manifest: Mapping[str, Any], api_version: str) -> Iterator[str]:
    metadata = manifest.get("metadata")
    name = metadata.get("name") if isinstance(metadata, Mapping) else None
    if not isinstance(name, str):
        yield "metadata: a name is missing"
        return
    if not _SUBDOMAIN.fullmatch(name) and not api_version.startswith("rbac."):
        yield (
            f"metadata.name: {name!r} is no name: at most 253 lower-case letters, digits, "
            "hyphens and dots, a letter or digit first and last"
        )
    namespace = manifest["metadata"].get("namespace", "default")
    if not _NAMESPACE.fullmatch(str(namespace)):
        yield (
            f"metadata.namespace: {namespace!r} is no namespace: at most 63 lower-case letters, "
            "digits and hyphens, a letter or digit first and last"
        )


def _labels(value: Any, place: str = "") -> Iterator[str]:
    """Labels and selectors, wherever they stand, that break the syntax of labels."""
    match value:
        case Mapping():
            for name, part in value.items():
                inner = f"{place}.{name}".removeprefix(".")
                if name == "openAPIV3Schema":  # there, labels are a type and no labels
                    continue
                if name in _MAPS_OF_LABELS and isinstance(part, Mapping):
                    yield from _wrong_labels(part, inner)
                yield from _labels(part, inner)
        case list():
            for index, part in enumerate(value):
                yield from _labels(part, f"{place}[{index}]")


def _wrong_labels(labels: Mapping[str, Any], place: str) -> Iterator[str]:
    for key, value in labels.items():
        prefix, slash, name = key.rpartition("/")
        if not (name and _VALUE.fullmatch(name) and (not slash or _SUBDOMAIN.fullmatch(prefix))):
            yield f"{place}: {key!r} is no label's key: an optional DNS name and /, then a name"
        if not isinstance(value, str) or not _VALUE.fullmatch(value):
            yield (
                f"{place}.{key}: {value!r} is no label's value: text of at most 63 letters, "
                "digits, hyphens, underscores and dots, a letter or digit first and last"
            )
