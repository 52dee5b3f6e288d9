"""A conversation into the text a model continues, by the template that came with it."""

from collections.abc import Mapping, Sequence
from typing import Any, NoReturn

import jinja2
from jinja2.sandbox import ImmutableSandboxedEnvironment

from workloads.command import InputError


class ChatError(ValueError):
    """The conversation does not suit the model's template; the text says why."""


class ChatTemplate:
    """A tokenizer_config.json's `chat_template`, in the Jinja dialect transformers defines."""

    def __init__(self, tokenizer_config: Mapping[str, Any]) -> None:
        environment = ImmutableSandboxedEnvironment(trim_blocks=True, lstrip_blocks=True)
        environment.globals["raise_exception"] = _refuse
        source = tokenizer_config.get("chat_template")
        try:
            self._template = environment.from_string(source) if source else None
        except jinja2.TemplateError as error:
            raise InputError(f"the model's chat_template is not a template: {error}") from None
        self._tokens = {
            name: _content(tokenizer_config.get(name, "")) for name in ("bos_token", "eos_token")
        }

    def render(self, messages: Sequence[Mapping[str, str]]) -> str:
        """The prompt for an answer to `messages`; ChatError says what is wrong with them."""
        if self._template is None:
            raise ChatError("this model has no chat template; use /v1/completions")
        try:
            return self._template.render(
                messages=messages, add_generation_prompt=True, **self._tokens
            )
        except jinja2.TemplateError as error:
            raise ChatError(str(error)) from None


def _content(token: str | Mapping[str, str] | None) -> str:
    """Older folders spell a special token as an object."""
    return token["content"] if isinstance(token, Mapping) else token or ""


def _refuse(reason: str) -> NoReturn:
    raise jinja2.TemplateError(reason)
