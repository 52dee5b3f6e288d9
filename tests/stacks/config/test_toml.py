import tomllib

import pytest

from stacks.config.toml import toml_sentence


def said(text):
    with pytest.raises(tomllib.TOMLDecodeError) as refusal:
        tomllib.loads(text)
    return toml_sentence(text, refusal.value)


@pytest.mark.parametrize(
    ("line", "what"),
    [
        (
            "account = 012345678901",
            'a number cannot begin with 0; write it in quotes, as account = "012345678901"',
        ),
        ("retain = True", "a switch is true or false, in lower case"),
        ("retain = no  # keep nothing", "a switch is true or false, in lower case"),
        ("region = us-east-2", 'write it in quotes, as region = "us-east-2"'),
        ("cidr = 10.0.0.0/16", 'write it in quotes, as cidr = "10.0.0.0/16"'),
        ("region: us-east-2", "a key and its value are joined by =, not by a colon"),
        ("zones = ['a' 'b']", "a comma is missing between two values of the list"),
        ("region = “us-east-2”", 'the quotes are not straight ones; write "'),
        ('region = "us-east-2', "a quote is missing"),
        ("max_nodes = 4 nodes", 'write it in quotes, as max_nodes = "4 nodes"'),
    ],
)
def test_a_slip_is_told_with_its_line(line, what):
    assert said(f'tags = {{ a = "b" }}\n\n{line}\n[storage]\n') == f"line 3: {line}: {what}"


def test_what_stands_twice_is_said_to_stand_above():
    assert said("[a]\nb = 1\nb = 2\nc = 3\n").startswith("line 3: b = 2: its key stands above")
    assert said("[a]\nb = 1\n[a]\n").startswith("line 3: [a]: this table stands above")


def test_an_entry_of_a_list_in_one_bracket_is_told_so():
    assert said('[[pools]]\nname = "a"\n[pools]\nname = "b"\n') == (
        "line 3: [pools]: each entry of a list stands in two brackets; write [[pools]]"
    )


def test_a_table_of_an_entry_above_its_entry_is_told_where_it_belongs():
    text = '[pools.capacity]\nkind = "spot"\n\n[[pools]]\nname = "a"\n'

    assert said(text) == (
        "line 4: [[pools]]: [pools.capacity] stands above its entry; "
        "put it below [[pools]] and that entry's keys"
    )


def test_what_is_no_known_slip_is_told_in_the_words_of_the_parser():
    assert said("a = 1.2.3\n") == (
        "line 1: a = 1.2.3: it is not TOML: Expected newline or end of document after a statement"
    )


def test_a_mistake_that_only_shows_at_the_end_is_told_of_the_last_line():
    assert said('a = 1\nzones = ["b",\n') == (
        'line 2: zones = ["b",: it is not TOML: Invalid value'
    )
