import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from workloads.prepare.noise import PERSONAL, noise
from workloads.prepare.personal import KINDS, remove
from workloads.prepare.stories import stories

KEY = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("write to ann.o'neil+x@mail.example.co.uk.", "write to [e-mail]."),
        ("'jörg@müller.de', <a_b@c-d.org>", "'[e-mail]', <[e-mail]>"),
        ("root@localhost and a @ b and @home", None),
        ("from 8.8.8.8:53, then 1.1.1.1.", "from [ip-address]:53, then [ip-address]."),
        ("10.0.0.1 192.168.1.1 127.0.0.1 300.1.1.1 1.2.3.4.5 v1.2.3.4", None),
        ("2606:4700:4700::1111 and 2001:4860:4860:0:0:0:0:8888", "[ip-address] and [ip-address]"),
        ("::1 fe80::1 a::b std::vector 12:30:45 2001:db8::1", None),
        ("call +49 30 1234567 or +1 (415) 555-2671", "call [telephone] or [telephone]"),
        ("(415) 555-2671, 415-555-2671.", "[telephone], [telephone]."),
        ("on 2024-10-12, 3.14159265358, 1234567890, +5 and 100-200-300", None),
        ("4111 1111 1111 1111 and 5500-0000-0000-0004", "[card-number] and [card-number]"),
        ("378282246310005", "[card-number]"),  # 15 digits
        ("4111 1111 1111 1112 and 0000000000000000 and 4222222222222.5", None),
        ("DE89 3704 0044 0532 0130 00 BANK", "[iban] BANK"),
        ("GB82WEST12345698765432.", "[iban]."),
        ("NL91 ABNA 0417 1643 00 HERE", "[iban] HERE"),
        ("DE88 3704 0044 0532 0130 00", None),
        ("id AKIAIOSFODNN7EXAMPLE!", "id [aws-access-key]!"),
        ("ASIAIOSFODNN7EXAMPL AKIAIOSFODNN7EXAMPLEX", None),
        (f"aws_secret_access_key = {KEY}", "aws_secret_access_key = [aws-secret-key]"),
        (f'"SecretAccessKey": "{KEY}"', '"SecretAccessKey": "[aws-secret-key]"'),
        (f"just {KEY}", None),
        ("secret_key of commit da39a3ee5e6b4b0d3255bfef95601890afd80709", None),
        ("-----BEGIN RSA PRIVATE KEY-----\nMIIB+/=\n-----END RSA PRIVATE KEY-----\n.",
         "[private-key]\n."),
        ("-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----", None),
    ],
)  # fmt: skip
def test_what_is_replaced_and_what_is_not(text, expected):
    [cleaned], found = remove([text])

    assert cleaned == (text if expected is None else expected)
    assert sum(found.values()) == (0 if expected is None else expected.count("["))


def test_all_that_the_generator_put_in_is_found():
    rows = [row for i in range(4000) if (row := noise(5, i)) and row.kind == PERSONAL]

    cleaned, found = remove([row.text for row in rows])

    assert len(rows) == 100
    for row, text in zip(rows, cleaned, strict=True):
        for kind, secret in row.secrets:
            assert secret not in text
            assert f"[{kind}]" in text
    assert found == {kind: len(rows) for kind, _ in rows[0].secrets}


def test_stories_have_none():
    told = list(stories(500, 0))

    assert remove(told) == (told, {})


@settings(deadline=None)
@given(st.lists(st.one_of(
    st.text(), st.text("0123456789 .:+-()@abDE", max_size=60),
    st.sampled_from([noise(1, i).text for i in range(7, 400, 8)])), max_size=5))  # fmt: skip
def test_a_second_time_there_is_nothing_left(texts):
    texts = [text.encode("utf-8", "ignore").decode() for text in texts]
    once, _ = remove(texts)

    assert remove(once) == (once, {})


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_a_placeholder_is_no_personal_data(kind):
    assert remove([kind.placeholder * 3]) == ([kind.placeholder * 3], {})


@pytest.mark.parametrize("sign", ["a", "1", "1.", "a:", "@", "a@", "-", "1-", "A1", "+1", "1 "])
def test_a_long_run_of_one_sign_takes_no_longer_than_its_length(sign):
    """A pattern that backtracks would not come back from this."""
    assert remove([sign * (1_000_000 // len(sign))])[0]
