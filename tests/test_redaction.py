"""Secrets leave a word behind, and what is none stays as it is."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.logs.redaction import redact, redact_lines

CARD = "4111 1111 1111 1111"


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (
            "connect postgres://shop:hunter2@db:5432/shop",
            "connect postgres://[credentials]@db:5432/shop",
        ),
        ("GET https://ghp@example.com/x", "GET https://[credentials]@example.com/x"),
        ("Authorization: Bearer abc.DEF-123456", "Authorization: [secret] [token]"),
        ("curl -H 'X: y' bearer 0123456789abcdef", "curl -H 'X: y' bearer [token]"),
        ("using dop_v1_0123456789abcdef0123456789abcdef", "using [token]"),
        ("key AKIAABCDEFGHIJKLMNOP in use", "key [token] in use"),
        ("jwt eyJhbGciOiJI.eyJzdWIiOiIx.c2lnbmF0dXJl!", "jwt [token]!"),
        ("password=hunter2 user=ann", "password=[secret] user=ann"),
        ("DB_PASSWORD: 'a b c', next", "DB_PASSWORD: [secret], next"),
        ('{"api_key":"k-1","n":1}', '{"api_key":[secret],"n":1}'),
        ('{"password":"with \\" quote","n":1}', '{"password":[secret],"n":1}'),
        ("GET /a?access_token=abc&page=2", "GET /a?access_token=[secret]&page=2"),
        ("mail to ann.b+c@mail.example.com failed", "mail to [e-mail] failed"),
        (f"card {CARD} declined", "card [card] declined"),
        ("card 4111-1111-1111-1111.", "card [card]."),
        ("-----BEGIN RSA PRIVATE KEY----- MIIE", "[private key]"),
        ("api_key=sk_live_0123456789abcdef bad", "api_key=[secret] bad"),
        ("token: ghp_0123456789abcdefghijklmn!x, y", "token: [secret], y"),
        ("password=ann@example.com;x", "password=[secret];x"),
    ],
)
@pytest.mark.found(
    "a line that was redacted twice showed `[secret]]]`",
    how="the notifications of a crash with secrets in its last words were read",
)
def test_secrets_are_taken_out(line: str, expected: str):
    """What stood there is named, and the rest of the line is left; again there is nothing to do."""
    assert redact(line) == expected
    assert redact(expected) == expected


@pytest.mark.parametrize(
    "line",
    [
        "Traceback (most recent call last):",
        '  File "/app/main.py", line 12, in <module>',
        "order 4111111111111112 is unknown",
        "took 1234567890123 ns",
        "token expired",
        "KeyError: 'password'",
        "GET /reset-password 200",
        "listening on http://0.0.0.0:8080",
        'psycopg2.OperationalError: connection to server at "db", port 5432 failed',
        "",
    ],
)
def test_what_is_no_secret_stays(line: str):
    """A line that only looks like one is shown as it was written."""
    assert redact(line) == line


@pytest.mark.parametrize(
    "number",
    [
        "5555555555554444",
        "378282246310005",
        "6011 0009 9013 9424",
        "3056-9309-0259-04",
        "4012888888881881",
        "4222222222222",
        "6304000000000000000",
    ],
)
def test_a_number_is_a_cards_by_its_check_digit(number: str):
    """Of 13 to 19 digits; with another last digit it is none."""
    assert redact(f"no {number} here") == "no [card] here"
    other = number[:-1] + str((int(number[-1]) + 1) % 10)
    assert redact(f"no {other} here") == f"no {other} here"


def test_private_key_over_many_lines_is_one_word():
    """Nothing of the key is left, and what follows it is."""
    key = [
        "x -----BEGIN PRIVATE KEY-----",
        "MIIEvQIBADANBg",
        "kqhkiG9w0BAQ",
        "-----END PRIVATE KEY-----",
    ]
    assert redact_lines(["before", *key, "after"]) == ["before", "x [private key]", "after"]
    assert redact_lines(key[:2]) == ["x [private key]"]
    assert redact_lines([" ".join(key), "after"]) == ["x [private key]", "after"]


SECRETS = st.from_regex(r"[A-Za-z0-9]{12,24}", fullmatch=True)


@given(before=st.text(max_size=20), secret=SECRETS, after=st.text(max_size=20))
def test_named_secret_never_shows(before: str, secret: str, after: str):
    """Whatever stands around it."""
    line = f"{before} password={secret} {after}".replace("\n", " ")
    assert secret not in redact(line) or secret in f"{before} {after}"


@given(st.text(max_size=200))
def test_text_without_digits_and_signs_stays(text: str):
    """Words alone are no secret, in whatever script."""
    words = "".join(character for character in text if character.isalpha() or character == " ")
    assert redact(words) == words
