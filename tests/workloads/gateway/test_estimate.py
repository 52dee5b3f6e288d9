import base64

import orjson
import pytest

from workloads.gateway.estimate import MEDIA_TOKENS, SMALL, Estimate, estimate

TEXT = "Some words of a long text. " * 2_000
PIXELS = base64.b64encode(bytes(range(256)) * 400).decode()


def of(request: dict) -> Estimate:
    return estimate(request, len(orjson.dumps(request)))


@pytest.mark.parametrize(
    ("more", "output"),
    [
        ({}, None),
        ({"max_tokens": 9}, 9),
        ({"max_completion_tokens": 9, "max_tokens": 5}, 9),
        ({"max_output_tokens": 9}, 9),
        ({"inferenceConfig": {"maxTokens": 9}}, 9),
        ({"inferenceConfig": {}}, None),
        ({"max_tokens": 9, "n": 3}, 27),
        ({"max_tokens": "9"}, None),
        ({"max_tokens": True}, None),
        ({"max_tokens": -1, "n": 0, "inferenceConfig": "no"}, None),
    ],
)
def test_the_most_an_answer_may_take_is_found_on_every_surface(more, output):
    assert of({"messages": [], **more}).output == output


def test_a_short_request_is_not_looked_into():
    assert estimate({}, 400) == (101, None)
    assert estimate({}, SMALL) == (SMALL // 4 + 1, None)


@pytest.mark.parametrize(
    "image",
    [
        {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PIXELS}"}},
        {"type": "image", "source": {"type": "base64", "data": PIXELS}},
        {"image": {"format": "png", "source": {"bytes": PIXELS}}},
    ],
)
def test_an_image_counts_as_an_image_and_not_as_text(image):
    text = of({"messages": [{"role": "user", "content": [TEXT]}]}).input

    tokens = of({"messages": [{"role": "user", "content": [TEXT, image]}]}).input

    assert text == pytest.approx(len(TEXT) / 4, rel=0.01)
    assert tokens - text == pytest.approx(MEDIA_TOKENS, rel=0.05)


def test_text_without_spaces_is_text():
    tokens = of({"messages": [{"role": "user", "content": "漢字" * 10_000}]}).input

    assert tokens == pytest.approx(20_000 * 3 / 4, rel=0.01)
