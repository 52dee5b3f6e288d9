import pytest

from workloads.command import InputError
from workloads.serve.chat import ChatError, ChatTemplate

# As instruction-tuned models of the Llama family write a conversation.
CHATML = (
    "{% for message in messages %}"
    "{{ '<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>' + '\n' }}"
    "{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)


def test_a_template_of_another_model_is_followed():
    template = ChatTemplate({"chat_template": CHATML})

    assert template.render([{"role": "user", "content": "Hi {{ 1 }}"}]) == (
        "<|im_start|>user\nHi {{ 1 }}<|im_end|>\n<|im_start|>assistant\n"
    )


@pytest.mark.parametrize("token", ["<s>", {"content": "<s>", "lstrip": False}])
def test_special_tokens_are_at_hand_however_they_are_spelt(token):
    template = ChatTemplate(
        {"chat_template": "{{ bos_token }}|{{ eos_token }}", "bos_token": token}
    )

    assert template.render([]) == "<s>|"


def test_what_the_template_refuses_is_told():
    template = ChatTemplate({"chat_template": "{{ raise_exception('only one turn') }}"})

    with pytest.raises(ChatError, match="only one turn"):
        template.render([])


def test_a_template_cannot_reach_python():
    template = ChatTemplate({"chat_template": "{{ messages.__class__.__mro__ }}"})

    with pytest.raises(ChatError):
        template.render([])


def test_a_model_without_template_does_not_chat():
    with pytest.raises(ChatError, match="no chat template"):
        ChatTemplate({}).render([])


def test_a_template_that_is_none_is_a_sentence():
    with pytest.raises(InputError, match="chat_template is not a template"):
        ChatTemplate({"chat_template": "{% for %}"})
