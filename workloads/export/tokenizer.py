"""What stands beside tokenizer.json: special tokens, and how a chat becomes text."""

from typing import Any

from tokenizers import Tokenizer

from workloads.dataset import Dataset

# A base model continues text and follows no conversation: it is given what was asked last, on a
# line of its own, as the training stories begin.
CHAT_TEMPLATE = """\
{%- set asked = messages | selectattr('role', 'equalto', 'user') | list -%}
{%- if not asked -%}
{{ raise_exception('the conversation has no user message') }}
{%- endif -%}
{{ bos_token }}{{ asked[-1]['content'] }}
{%- if add_generation_prompt %}
{{ '\\n' }}
{%- endif -%}
"""


def tokenizer_config(tokenizer: Tokenizer, dataset: Dataset) -> dict[str, Any]:
    """tokenizer_config.json's content."""
    begin = tokenizer.id_to_token(dataset.begin_token)
    end = tokenizer.id_to_token(dataset.end_token)
    return {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "bos_token": begin,
        "eos_token": end,
        "pad_token": end,
        "model_max_length": dataset.sequence_length,
        "clean_up_tokenization_spaces": False,
        "chat_template": CHAT_TEMPLATE,
    }
