from collections import Counter

from workloads.prepare.noise import BROKEN, EXACT, KINDS, NEAR, NOISE_EVERY, noise
from workloads.prepare.stories import story


def test_every_kind_follows_in_turn():
    rows = [row for number in range(NOISE_EVERY * 50) if (row := noise(0, number))]

    assert Counter(row.kind for row in rows) == dict.fromkeys(KINDS, 10)


def test_a_row_depends_on_its_seed_and_number_only():
    assert noise(3, 15) == noise(3, 15)
    assert noise(3, 7) != noise(4, 7)
    assert noise(3, 6) is None


def test_a_repeated_story_is_an_earlier_one():
    for number in range(7, 2000, 8):
        row = noise(2, number)
        assert 0 <= row.of <= number
        match row.kind:
            case "exact":
                assert row.kind == EXACT
                assert row.text == story(2, row.of)
            case "near":
                assert row.kind == NEAR
                changed = zip(row.text.split(" "), story(2, row.of).split(" "), strict=True)
                assert 1 <= sum(a != b for a, b in changed) <= 3
            case "broken":
                assert row.kind == BROKEN
                assert "\0" in row.text
