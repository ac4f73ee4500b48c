"""What untrusted content looks like after an endorsed flow let it pass."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pilothouse.effects.gate.treat import CAP, as_content, treatable


def plain(text: str) -> str:
    return as_content(text, ["mail"])


def test_content_is_quoted_with_its_source() -> None:
    assert (
        as_content("Please wait.\nThanks", ["mail", "crm", "mail"]) == "> Please wait.\n> Thanks\n(crm, mail)"
    )


@pytest.mark.parametrize(
    "hidden",
    [
        "https://evil.example/?d=1",
        "HTTP://EVIL.EXAMPLE",
        "see [here](https://evil.example/x)",
        "![pixel](http://evil.example/p.png)",
        '<img src="https://evil.example/p.png">',
        "&lt;img src=x onerror=alert(1)&gt;",
        "&amp;lt;script&amp;gt;evil.example/x",
        "<<a>script>evil.example<</a>/script>",
        "evil.example/path?secret=1",
        "www.evil.example",
        "write to evil@evil.example now",
        "mailto:evil@evil.example",
        "javascript:alert(1)",
        "data:text/html;base64,AAAA",
        "ht\u200btps://evil.example",
        "\uff48ttps://evil\uff0eexample/x",
        "evil\u2024example/x",
        "evil\u3002example/login",
        "evil\uff61example",
        "file:///etc/passwd",
        "httphttps://s://evil.example",
    ],
)
def test_no_link_and_no_markup_is_left(hidden: str) -> None:
    shown = plain(hidden)
    assert "example" not in shown.replace("‹link›", "")
    assert "://" not in shown
    assert not re.search(r"[<\[\]`|]|mailto|script:|data:", shown)


@pytest.mark.parametrize("said", ["1.2.3.4/login", "http://10.0.0.1", "tell @everyone", "@here look"])
def test_addresses_and_calls_to_everybody_are_gone(said: str) -> None:
    assert not re.search(r"\d\.\d|@", plain(said))


@pytest.mark.parametrize(
    "words", ["It costs 12.50 EUR, or 3.5 each.", "The ship is late; sorry!", "v1.2 (of 3)", ""]
)
def test_plain_words_stay_as_they_are(words: str) -> None:
    assert plain(words) == f"> {words}\n(mail)"


def test_length_is_capped() -> None:
    shown = plain("word " * 5000)
    assert len(shown) <= CAP + len("> \n(mail)")
    assert "…" in shown


def test_numbers_stay_and_lists_are_treated_one_by_one() -> None:
    assert as_content([1, None, 2.5, True, "a www.evil.example"], ["mail"]) == [
        1, None, 2.5, True, "> a ‹link›\n(mail)",
    ]  # fmt: skip
    assert treatable(["a", 1, ("b", None)])
    assert not treatable({"https://evil.example": 1})
    assert not treatable(["a", {"b": 1}])


@given(st.text(max_size=200))
def test_nothing_can_be_put_together_from_what_remains(text: str) -> None:
    shown = plain(text)
    assert "://" not in shown
    assert not re.search(r"[<\[\]`|]", shown)
    inside = "\n".join(line.removeprefix("> ") for line in shown.split("\n")[:-1])
    assert plain(inside) == shown or "…" in shown


@given(
    st.lists(
        st.sampled_from(["http", "s", ":", "//", "<", ">", "a", ".", "com", "/", "[", "](", ")", "&lt;"])
    )
)
def test_pieces_of_links_never_make_one(pieces: list[str]) -> None:
    shown = plain("".join(pieces))
    assert "://" not in shown
    assert not re.search(r"[a-z]\.com(?![a-z])", shown)
