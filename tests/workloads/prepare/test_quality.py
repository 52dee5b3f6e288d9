from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from workloads.prepare import quality
from workloads.prepare.characters import characters, words
from workloads.prepare.hashing import pieces
from workloads.prepare.quality import KEPT, RULES, judge
from workloads.prepare.stories import stories

PROSE = (
    "The river had risen in the night, and nobody could cross it any more. Children stood on the"
    " bank and counted the planks that came floating by.\nAn old woman asked them what they would"
    " do with so much wood. They thought about it for a while, then the smallest one said that a"
    " bridge might be nice, or perhaps a boat, and all the others began to laugh because there was"
    " neither a hammer nor a single nail in the whole village."
)
WORDS = [f"{a}{b}{c}" for a in "bdgkl" for b in "aeiou" for c in ("man", "tor", "ring", "sel")]


def verdict(text: str) -> str | None:
    """The name of the rule that the text breaks first."""
    looked = characters([text.lower()])
    found = words(looked)
    [number] = judge(looked, found, pieces(looked.codes, found.starts, found.ends))
    return None if number == KEPT else RULES[number].name


def sentences(count: int, repeated: str = "", every: int = 1) -> str:
    """`count` different words in sentences, with `repeated` after every so many."""
    told = []
    for number in range(count):
        told.append(WORDS[number % 100] + WORDS[number // 100][:2] * (number > 99))
        if repeated and number % every == every - 1:
            told.append(repeated)
    return " ".join(told) + "."


@pytest.mark.parametrize(
    ("rule", "text"),
    [
        ("fewer than 50 words", "Only a few words stand here."),
        ("mean word length not 3 to 10", "a b c d e f g h i j k l m n o p " * 4),
        ("mean word length not 3 to 10", sentences(60).replace(" ", "altogether ")),
        ("more than 0.1 # or ellipses per word", sentences(60).replace("n ", "n # ")),
        ("more than 0.1 # or ellipses per word", sentences(60).replace("r ", "r... ")),
        ("more than 0.1 # or ellipses per word", sentences(60).replace("g ", "g… ")),
        ("more than 90 % of lines are bullets", "\n".join(
            f"- {sentences(90)[i * 60:i * 60 + 60]}." for i in range(9))),
        ("more than 30 % of lines end with an ellipsis", "\n".join(
            f"{sentences(90)[i * 80:i * 80 + 80]}..." for i in range(9))),
        ("less than 80 % of words have a letter", sentences(60).replace("n ", "n 4711 ")
         .replace("r ", "r 12 ")),
        ("at most 12 % of lines end as sentences do", "\n".join(
            f"{sentences(90)[i * 60:i * 60 + 60]}x" for i in range(9))),
        ("at least 67 % of lines are short", "\n".join(
            f"{sentences(99)[i * 20:i * 20 + 20]}." for i in range(40))),
        ("more than 30 % of lines repeat", f"{PROSE}\n" + "Yes.\n" * 4),
        ("at least 10 % of characters in repeated lines",
         f"{PROSE}\n{PROSE[:150]}.\n" + "\n".join(sentences(200)[i * 90 : i * 90 + 90] + "."
         for i in range(6)) + f"\n{PROSE[:150]}."),
        ("one pair of words is more than 20 %", sentences(60, "wonderful tomorrow", every=4)),
        ("one triple of words is more than 18 %", sentences(60, "big red bus", every=4)),
        ("one quadruple of words is more than 16 %", sentences(60, "the small blue car", every=12)),
    ],
)  # fmt: skip
def test_a_text_breaks_the_rule_that_is_meant_for_it(rule, text):
    assert verdict(text) == rule


def top_share(words_: list[str], of: int, text: str) -> float:
    """By definition: the most frequent sequence's characters, blanks between its words included."""
    counts = Counter(tuple(words_[i : i + of]) for i in range(len(words_) - of + 1))
    most = max((len(" ".join(gram)) * n for gram, n in counts.items() if n > 1), default=0)
    return most / len(text)


def repeated_share(words_: list[str], of: int, text: str) -> float:
    """By definition: characters of words in a sequence that stood at an earlier place."""
    seen, covered = set(), set()
    for i in range(len(words_) - of + 1):
        gram = tuple(words_[i : i + of])
        if gram in seen:
            covered.update(range(i, i + of))
        seen.add(gram)
    return sum(len(words_[i]) for i in covered) / len(text)


@settings(deadline=None)
@given(
    st.lists(
        st.lists(st.sampled_from(WORDS[:20]), min_size=1, max_size=80), min_size=1, max_size=3
    ),
    st.data(),
)
def test_repetition_is_what_the_definitions_say(texts, data):
    # Some of it once more, so that long sequences repeat.
    for told in texts:
        start = data.draw(st.integers(0, len(told) - 1))
        told += told[start : start + data.draw(st.integers(0, 12))]
    joined = [" ".join(told) for told in texts]
    looked = characters(joined)
    found = words(looked)
    hashes, size = pieces(looked.codes, found.starts, found.ends), np.diff(looked.starts)

    for of in (2, 3, 4):
        expected = [top_share(told, of, text) for told, text in zip(texts, joined, strict=True)]
        assert quality._most_frequent(found, hashes, of, size) == pytest.approx(expected)
    shares = quality._repeated(found, hashes, size)
    strictest = RULES[-1].most
    for of, share in zip(range(5, 11), shares, strict=True):
        for number, (told, text) in enumerate(zip(texts, joined, strict=True)):
            expected = repeated_share(told, of, text)
            if shares[0][number] > strictest:
                assert share[number] == pytest.approx(expected)
            else:  # it was not looked at, and rightly
                assert expected <= strictest


@pytest.mark.parametrize(
    "text",
    [
        PROSE,
        "\n".join(PROSE[i : i + 70] for i in range(0, len(PROSE), 70)),
        "川は夜のうちに水かさを増し、もう誰も渡ることができなかった。子どもたちは岸に立って、流れてくる板を数えていた。"
        "おばあさんが、そんなにたくさんの木をどうするのかと尋ねた。みんなは少し考え、いちばん小さな子が橋がいいと言った。",
        "แม่น้ำเพิ่มสูงขึ้นในตอนกลางคืนและไม่มีใครข้ามได้อีก เด็กๆ ยืนอยู่ริมฝั่งและนับแผ่นไม้ที่ลอยผ่านมา"
        " หญิงชราคนหนึ่งถามว่าจะเอาไม้มากมายไปทำอะไร.",
        "Река поднялась за ночь, и никто больше не мог её перейти. Дети стояли на берегу и считали"
        " доски, которые проплывали мимо. Старая женщина спросила их, что они будут делать с таким"
        " количеством дерева. Они подумали немного, потом самый маленький сказал, что хорошо бы"
        " построить мост или, может быть, лодку, и все остальные засмеялись, ведь в деревне не было"
        " ни молотка, ни гвоздя.",
        "ارتفع النهر في الليل ولم يعد أحد قادرا على عبوره. وقف الأطفال على الضفة وعدوا الألواح التي"
        " كانت تطفو. سألتهم امرأة عجوز ماذا سيفعلون بكل هذا الخشب؟ فكروا قليلا ثم قال أصغرهم إن"
        " الجسر قد يكون جميلا أو ربما قارب، وبدأ الآخرون يضحكون لأنه لم يكن في القرية كلها مطرقة"
        " ولا مسمار واحد، فعادوا إلى بيوتهم قبل حلول المساء.",
    ],
)  # fmt: skip
def test_prose_of_many_languages_is_kept(text):
    assert verdict(text) is None


def test_nearly_all_stories_are_kept():
    kept = sum(verdict(story) is None for story in stories(200, 0))

    assert kept >= 198


def test_a_text_is_judged_alike_alone_and_among_others():
    texts = [PROSE, "short", sentences(60, "big red bus", every=4), "", PROSE + PROSE[:200]]
    looked = characters([text.lower() for text in texts])
    found = words(looked)

    together = judge(looked, found, pieces(looked.codes, found.starts, found.ends))

    names = [None if number == KEPT else RULES[number].name for number in together]
    assert names == [verdict(text) for text in texts]


def test_every_rule_says_where_it_is_from():
    assert len({rule.name for rule in RULES}) == len(RULES)
    assert all("arXiv:" in rule.source for rule in RULES)
