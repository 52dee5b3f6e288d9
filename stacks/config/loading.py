"""Environment files: read, checked, and held against the calendar of support."""

import re
import tomllib
from collections.abc import Mapping
from datetime import UTC, date, datetime
from pathlib import Path

from pydantic import ValidationError

from stacks.config import fields
from stacks.config.environment import EnvironmentConfig
from stacks.config.errors import sentences
from stacks.config.toml import toml_sentence
from workloads.support import Notices, notices
from workloads.versions import VERSIONS

ENVIRONMENTS = Path(__file__).parent.parent / "environments"


class ConfigError(ValueError):
    """An environment file that cannot be used; one line per mistake."""


def load_environments(
    folder: Path = ENVIRONMENTS, *, today: date | None = None
) -> dict[str, EnvironmentConfig]:
    """Read every environment file of a folder; the file's name is the environment's.

    Raises ConfigError if any cannot be used, or if there is none. With `today`, also if one stands
    on something whose support has ended by then; without, the calendar is not asked, so that the
    answer is the same on every day.
    """
    if not folder.is_dir():
        raise ConfigError(f"{folder} is not a folder; give one that holds environment files")
    environments, mistakes = {}, [f"workloads/versions.toml: {c}" for c in VERSIONS.conflicts()]
    for path in sorted(folder.glob("*.toml")):
        try:
            environments[path.stem] = config = _load(path)
        except ConfigError as error:
            mistakes.append(str(error))
            continue
        if today:
            mistakes += [f"{path}: {ended}" for ended in notices_of(config, today).refusals]
    if mistakes:
        raise ConfigError("\n".join(mistakes))
    if not environments:
        raise ConfigError(f"{folder} holds no environment file, such as dev.toml")
    return environments


def notices_of(config: EnvironmentConfig, today: date) -> Notices:
    """What the calendar of support says on a day of everything an environment stands on."""
    used = VERSIONS.used(
        config.cluster.kubernetes_version,
        {pool.hardware.family for pool in config.pools},
        endpoints=bool(config.endpoints),
    )
    return notices(today, used, VERSIONS.support)


def warnings(environments: Mapping[str, EnvironmentConfig], today: date) -> list[str]:
    """One sentence for each support that ends soon, with the environments it concerns."""
    concerned: dict[str, list[str]] = {}
    for name, config in environments.items():
        for warning in notices_of(config, today).warnings:
            concerned.setdefault(warning, []).append(name)
    return [f"{', '.join(names)}: {warning}" for warning, names in concerned.items()]


def day(text: str | None) -> date:
    """The day that a user wrote as 2027-03-27, or today's in UTC. Raises ConfigError."""
    try:
        return date.fromisoformat(text) if text else datetime.now(UTC).date()
    except ValueError as error:
        raise ConfigError(f"today = {text!r}: not a day, such as 2027-03-27") from error


def _load(path: Path) -> EnvironmentConfig:
    if not re.fullmatch(fields.name_pattern(20), path.stem):
        raise ConfigError(
            f"{path}: the file's name is the environment's, which must be {fields.NAME.format(20)}"
        )
    try:
        # A byte order mark, which some editors write, is no part of the text.
        text = path.read_text(encoding="utf-8-sig")
        data = tomllib.loads(text)
        return EnvironmentConfig.model_validate(data)
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path} is not UTF-8 text; its byte {error.start} is not") from error
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{path}: {toml_sentence(text, error)}") from error
    except RecursionError as error:
        raise ConfigError(f"{path} is not TOML: {error}") from error
    except ValidationError as error:
        lines = sentences(error, EnvironmentConfig, data)
        raise ConfigError("\n".join(f"{path}: {line}" for line in lines)) from None
