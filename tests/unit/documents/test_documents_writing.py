"""How words become text: rows, blocks, joined lines, quotes, and the page that HTML shows."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from pilothouse.documents import canonical_text
from pilothouse.documents.adapters.mail.body import unflowed
from pilothouse.documents.adapters.mail.html import shown
from pilothouse.documents.adapters.pdf.columns import in_order
from pilothouse.documents.adapters.plain import cell_name
from pilothouse.documents.writing import Word, Writing, clean, rows


def word(text: str, left: float, top: float) -> Word:
    return Word(text, left, top, left + 10 * len(text), top + 10)


def test_words_become_rows_from_left_to_right() -> None:
    words = [word("b", 50, 1), word("a", 0, 0), word("d", 40, 31), word("c", 0, 30)]
    assert [[w.text for w in line] for line in rows(words)] == [["a", "b"], ["c", "d"]]


def test_a_gap_parts_blocks_and_pieces_stand_where_their_words_do() -> None:
    writing = Writing()
    writing.lines([[word("one", 0, 0), word("two", 50, 0)], [word("three", 0, 15)], [word("far", 0, 90)]], 3)
    assert writing.content() == "one two\nthree\n\nfar"
    assert writing.blocks == [["paragraph", 0, 13], ["paragraph", 15, 18]]
    assert [writing.content()[p[0] : p[1]] for p in writing.pieces] == ["one", "two", "three", "far"]
    assert {p[2] for p in writing.pieces} == {3}


def test_text_over_its_bound_stops() -> None:
    writing = Writing(most=10)
    try:
        writing.write("x" * 11)
    except OverflowError as error:
        assert "10" in str(error)
    else:
        raise AssertionError


@given(st.text())
def test_clean_text_is_canonical_whatever_came(text: str) -> None:
    assert canonical_text(clean(text)) == clean(text)
    clean(text).encode()


@given(st.lists(st.text(max_size=8), max_size=8))
def test_pieces_read_themselves_again_with_any_letters(texts: list[str]) -> None:
    writing = Writing()
    for n, text in enumerate(texts):
        if n:
            writing.write(" ")
        writing.place(text, page=1)
    content = writing.content()
    assert canonical_text(content) == content
    said = [clean(text) for text in texts if clean(text)]
    assert [content[p[0] : p[1]] for p in writing.pieces] == said


def test_a_table_is_not_taken_for_columns() -> None:
    words = [w for n in range(12) for w in (word("name", 0, 20 * n), word("value", 400, 20 * n))]
    assert [w.text for w in in_order(words, 600)[0]] == ["name", "value"]


@given(st.text(alphabet="> ab-\n", max_size=80))
def test_joining_lines_loses_no_letters(text: str) -> None:
    assert unflowed(text, delsp=False).count("a") == text.count("a")


def test_cells_have_their_names() -> None:
    assert [cell_name(c, 7) for c in (0, 25, 26, 701, 702)] == ["A7", "Z7", "AA7", "ZZ7", "AAA7"]


@given(st.text(alphabet="<>/=\"' abdivstylenone:;&#x0", max_size=200))
def test_any_html_is_read_without_an_error(html: str) -> None:
    assert isinstance(shown(html).visible, str)


def test_html_nested_without_end_is_read() -> None:
    assert "word" in shown("<div>" * 5000 + "word" + "</div>" * 5000).visible
