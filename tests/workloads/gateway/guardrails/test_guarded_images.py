"""Images behind a guardrail: PNG and JPEG are shown to it, and nothing else passes."""

from base64 import b64encode

import openai
import pytest

from tests.workloads.gateway.everywhere import BACKENDS
from tests.workloads.gateway.fake_guardrail import BLOCKED
from tests.workloads.gateway.guardrails.conftest import OWN, ask, checked, say, told
from workloads.gateway.guardrails import MOST_IMAGE_BYTES, MOST_IMAGES

PNG, JPEG = b"\x89PNG\r\n\x1a\n fox", b"\xff\xd8\xff\xe0 fox"
MAIL = {"type": "text", "text": "Write to a.b@example.com!"}


def image(content: bytes, kind: str = "png") -> dict:
    url = f"data:image/{kind};base64,{b64encode(content).decode()}"
    return {"type": "image_url", "image_url": {"url": url}}


@pytest.mark.parametrize("model", OWN)
def test_texts_are_masked_beside_images_that_pass(client, services, model):
    say(services, "ok")
    said = [MAIL, image(PNG), image(JPEG, "png")]  # a JPEG, whatever it is called

    ask(client, model, said)

    _, message = services.received[BACKENDS[model]][0].body["messages"]
    assert message["content"] == [{"type": "text", "text": "Write to {EMAIL}!"}, *said[1:]]
    shown, texts, _ = [r.body for r in services.received["guardrail gr-1"]]
    assert (shown["source"], texts["content"]) == ("INPUT", [{"text": {"text": MAIL["text"]}}])
    assert shown["content"] == [
        {"image": {"format": kind, "source": {"bytes": b64encode(content).decode()}}}
        for kind, content in [("png", PNG), ("jpeg", JPEG)]
    ]


@pytest.mark.parametrize("streamed", [False, True])
@pytest.mark.parametrize("role", ["user", "tool"])
def test_an_image_that_may_not_pass_reaches_no_model(client, services, role, streamed):
    message = {"role": role, "content": [image(PNG + b" forbidden")], "tool_call_id": "t1"}

    answer = client.chat.completions.create(model="own", messages=[message], stream=streamed)

    text = "".join(told(answer)[0]) if streamed else answer.choices[0].message.content
    assert text == BLOCKED["INPUT"]
    assert "own" not in services.received


def test_many_images_are_shown_as_many_at_a_time_as_may_be(client, services):
    say(services, "ok")

    ask(client, "own", [image(PNG)] * (MOST_IMAGES + 1))

    sizes = [len(r.body["content"]) for r in services.received["guardrail gr-1"]]
    assert sizes == [MOST_IMAGES, 1, 1]  # and the answer


@pytest.mark.parametrize(
    ("part", "words"),
    [
        (image(b"GIF89a", "png"), "PNG or JPEG"),
        (image(b"RIFF1234WEBP", "webp"), "PNG or JPEG"),
        (image(PNG + bytes(MOST_IMAGE_BYTES), "png"), "4,000,000 bytes"),
        ({"type": "image_url", "image_url": {"url": "data:image/png;base64,%%"}}, "PNG or JPEG"),
        ({"type": "input_audio", "input_audio": {"data": "", "format": "wav"}}, "text and images"),
        ({"type": "video_url", "text": "x", "video_url": {"url": "data:,"}}, "text and images"),
        ("a word", "text and images"),
    ],
)
def test_what_a_guardrail_cannot_read_is_refused(client, services, part, words):
    with pytest.raises(openai.BadRequestError, match=words):
        ask(client, "own", [part])

    assert not checked(services)
    assert "own" not in services.received


def test_an_image_that_the_guardrail_refuses_is_the_clients_fault(client, services):
    services.answer("guardrail gr-1", status=400, body={"message": "no image"})

    with pytest.raises(openai.BadRequestError, match="cannot read an image"):
        ask(client, "own", [image(PNG)])
