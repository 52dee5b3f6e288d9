"""What the stories are made of: who, where, what happens, and in which words."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Character:
    """Somebody who lives in the stories, always with the same nature and home."""

    name: str
    animal: str
    nature: str
    she: str
    her: str
    place: str


@dataclass(frozen=True, kw_only=True)
class Plot:
    """A theme ("who finds ...") and its sentences, each in a few wordings."""

    theme: str
    sentences: tuple[tuple[str, ...], ...]


# fmt: off
CAST = tuple(
    Character(*row) for row in (
        ("Mia",   "fox",      "brave",    "she", "her", "in a quiet forest"),
        ("Tom",   "bear",     "lazy",     "he",  "his", "on a green hill"),
        ("Lily",  "rabbit",   "shy",      "she", "her", "at the edge of a meadow"),
        ("Max",   "mouse",    "small",    "he",  "his", "behind a tall mill"),
        ("Nora",  "duck",     "cheerful", "she", "her", "by a wide river"),
        ("Ben",   "frog",     "proud",    "he",  "his", "under an old bridge"),
        ("Ruby",  "cat",      "clever",   "she", "her", "in a small village"),
        ("Oscar", "dog",      "loyal",    "he",  "his", "near the cold sea"),
        ("Anna",  "squirrel", "curious",  "she", "her", "in a hollow oak"),
        ("Leo",   "badger",   "grumpy",   "he",  "his", "under the roots of a pine"),
        ("Zoe",   "goat",     "wild",     "she", "her", "high in the mountains"),
        ("Hugo",  "turtle",   "wise",     "he",  "his", "beside a deep lake"),
    )
)
THINGS = (
    "silver key", "red kite", "golden bell", "blue lantern", "green boat", "white drum",
    "yellow hat", "purple book", "black mirror", "brown basket",
)
WEATHERS = (
    "windy morning", "rainy afternoon", "bright summer day", "foggy evening", "snowy night",
    "warm spring morning", "stormy night", "golden autumn day",
)
FOODS = ("bread", "apples", "honey", "soup", "berries", "cheese", "nuts", "pancakes")
# fmt: on

REQUESTS = (
    "Tell me a story about {name} the {animal} who {theme}.",
    "Tell me a story about a {nature} {animal} named {name}.",
    "Tell me a story about a {nature} {animal} and a {colour} {thing}.",
    "Write a story about a {animal} named {name} who {theme}.",
    "Tell me about {name}, a {nature} {animal} who lives {place}.",
    "A story about a {animal} and a {thing}, please.",
    "Tell me a story about a {animal}.",
    "Tell me a story.",
)
OPENINGS = (
    "once upon a time, a {nature} {animal} named {name} lived {place}.",
    "there was once a {nature} {animal} whose name was {name}, and {she} lived {place}.",
    "long ago, {name} the {nature} {animal} had {her} home {place}.",
    "{place} there lived a {nature} {animal} called {name}.",
)
DAYS = (
    "on a {weather}, {she} went out for a walk.",
    "it was a {weather}, and {name} was looking for {food}.",
    "on a {weather}, {name} packed some {food} and set out.",
    "one {weather}, {she} could not sleep at all.",
)
ENDINGS = (
    "from that day on, {name} and {friend} were the best of friends.",
    "and {name} was never lonely again.",
    "that night {she} fell asleep with a smile.",
    "and that is why everyone {place} still talks about {name}.",
    "the {nature} {animal} had never been so happy.",
    "and they all ate {food} until the stars came out.",
)

PLOTS = (
    Plot(
        theme="finds a {colour} {thing}",
        sentences=(
            (
                "under a tree {she} found a {colour} {thing}.",
                "there, in the tall grass, lay a {colour} {thing}.",
                "something was shining in the mud, and it was a {colour} {thing}.",
            ),
            (
                "nobody knew whose {thing} it was.",
                '"Whose {thing} is this?" asked {name}.',
                "{name} wanted to keep the {thing}, but it was not {her} own.",
            ),
            (
                "so {she} asked every animal on the road.",
                "so {she} carried the {thing} from door to door.",
            ),
            (
                'at last {friend} the {friend_animal} cried: "That is my {thing}!"',
                "at the last door stood {friend} the {friend_animal}, who had lost it.",
            ),
            (
                "{friend} thanked {name} with a basket full of {food}.",
                '"Thank you, {name}," said {friend}, and they shared some {food}.',
            ),
        ),
    ),
    Plot(
        theme="loses a {thing}",
        sentences=(
            (
                "on the way {she} lost {her} {colour} {thing}.",
                "suddenly {her} {colour} {thing} was gone.",
            ),
            (
                "{name} looked under every stone and behind every tree.",
                "{name} searched the whole day and found nothing.",
            ),
            (
                "{she} sat down and began to cry.",
                '"I will never see my {thing} again," said {name}.',
            ),
            (
                "then {friend} the {friend_animal} came by and offered to help.",
                '"Do not be sad," said {friend} the {friend_animal}, "we will find it."',
            ),
            (
                "together they found the {thing} {place}.",
                "and there it was: the {thing} was hanging from a branch.",
            ),
        ),
    ),
    Plot(
        theme="helps a {friend_animal}",
        sentences=(
            (
                "suddenly {she} heard a {friend_animal} calling for help.",
                "by the road sat a {friend_animal} who was too tired to walk.",
            ),
            (
                "it was {friend}, who had hurt a foot.",
                '"I am {friend}," said the {friend_animal}, "and I cannot find my way home."',
            ),
            (
                "{name} was afraid of the dark, but {she} did not run away.",
                "{name} did not think twice.",
            ),
            (
                "{she} took the {colour} {thing} and led {friend} home.",
                "{she} made a bed out of leaves and brought some {food}.",
            ),
            (
                '"You are a true friend," said the {friend_animal}.',
                "{friend} never forgot what {name} had done.",
            ),
        ),
    ),
    Plot(
        theme="builds a {thing}",
        sentences=(
            (
                "{she} had always wanted to build a {thing}.",
                "{name} had an idea: {she} would build a {colour} {thing}.",
            ),
            (
                "all the other animals laughed at {name}.",
                '"A {animal} cannot build a {thing}," said {friend} the {friend_animal}.',
            ),
            (
                "the first {thing} broke at once, and so did the second.",
                "{she} worked all day and all night, and it would not hold.",
            ),
            (
                "but {name} tried again, and the third {thing} was perfect.",
                "but {she} did not give up, and one day the {thing} was done.",
            ),
            (
                "even {friend} the {friend_animal} came to look and clapped.",
                'then {friend} asked: "Will you build one for me too?"',
            ),
        ),
    ),
    Plot(
        theme="tells a lie",
        sentences=(
            (
                "{she} broke the {colour} {thing} of {friend} the {friend_animal}.",
                "by accident {name} dropped the {thing} that belonged to {friend}.",
            ),
            (
                '"It was the wind," said {name}, and that was a lie.',
                "{name} hid the pieces and said nothing.",
            ),
            (
                "that night {she} could not sleep.",
                "but the lie grew heavy like a stone.",
            ),
            (
                "in the morning {she} went to {friend} and told the truth.",
                "at last {name} told the {friend_animal} what had really happened.",
            ),
            (
                '"Thank you for being honest," said {friend}, and they repaired it together.',
                "{friend} the {friend_animal} was not angry for long.",
            ),
        ),
    ),
    Plot(
        theme="learns to share",
        sentences=(
            (
                "{name} had a whole bag of {food} and did not want to share.",
                "{she} kept all the {food} in a {colour} box.",
            ),
            (
                '"May I have a little?" asked {friend} the {friend_animal}.',
                "{friend} the {friend_animal} was very hungry.",
            ),
            (
                '"No," said {name}, "it is all mine."',
                "{name} shook {her} head and walked on.",
            ),
            (
                "then {she} fell into a ditch, and so did all the {food}.",
                "but on the way home {name} slipped and fell into the water.",
            ),
            (
                "{friend} pulled {name} out and shared a warm dinner.",
                "{friend} came running to help, and from then on {name} shared everything.",
            ),
        ),
    ),
)
