import hashlib
import re

import pytest

from workloads.prepare.plots import CAST, THINGS, WEATHERS
from workloads.prepare.stories import stories, story


def test_the_stories_are_the_same_bytes_on_every_machine():
    text = "\0".join(stories(500, seed=7)).encode()

    assert hashlib.sha256(text).hexdigest() == (
        "bb4da449ce90ba791ef0410a59343782149b70e051afd976bd5a47b12460da3b"
    )


def test_a_story_depends_on_its_seed_and_number_only():
    assert list(stories(5, seed=3)) == [story(3, index) for index in range(5)]
    assert list(stories(5, seed=3)) == list(stories(9, seed=3))[:5]
    assert story(3, 0) != story(4, 0)


def test_stories_hardly_ever_repeat():
    told = list(stories(2000, seed=0))

    assert len(set(told)) == len(told)


@pytest.mark.parametrize("index", range(50))
def test_a_story_is_a_request_and_two_paragraphs(index):
    request, *paragraphs = story(0, index).split("\n")

    assert request.startswith(("Tell me", "Write a", "A story"))
    assert len(paragraphs) == 2
    for line in (request, *paragraphs):
        assert line[0].isupper() or line[0] == '"'
        assert line.endswith((".", "!", "?", '"'))
        assert "{" not in line
        assert "  " not in line
    assert not re.search(r"who [A-Z]", request)  # a theme goes on a sentence


def test_everybody_and_everything_gets_a_turn():
    text = "\n".join(stories(1000, seed=0))

    assert all(f"{character.name} the {character.animal}" in text for character in CAST)
    assert all(thing in text for thing in THINGS)
    assert all(weather in text for weather in WEATHERS)
