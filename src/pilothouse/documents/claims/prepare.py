"""Owns a text made ready for all rungs: whose sentences, which mentions, which concepts, which rules met."""

from __future__ import annotations

from dataclasses import dataclass

from pilothouse.documents.claims.language import Sentence, sentences, split_quoted
from pilothouse.documents.claims.lexicon import Marked, Met
from pilothouse.documents.claims.patterns import Locale, mentions
from pilothouse.documents.claims.task import Task
from pilothouse.documents.claims.types import Mention
from pilothouse.documents.types import Block, Text

__all__ = ["Prepared", "prepare"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    """One text, cut and marked once for every rung.

    Attributes:
        marked: The sender's sentences with their concepts.
        met: The rules they meet.
        echoed: Rules that quoted or forwarded words meet; nobody's claim, but not nothing.
        mentions: Of the sender's own words.
        language: Of most of them.
    """

    text: Text
    marked: tuple[Marked, ...]
    met: tuple[Met, ...]
    echoed: tuple[tuple[Met, Sentence], ...]
    mentions: tuple[Mention, ...]
    language: str

    def sentence_at(self, start: int) -> int:
        """Return the number of the sentence that a character belongs to, or -1."""
        for number, one in enumerate(self.marked):
            if one.sentence.start <= start < one.sentence.end:
                return number
        return -1


def prepare(
    text: Text, task: Task, *, blocks: tuple[Block, ...] = (), locale: Locale | None = None
) -> Prepared:
    """Return the text cut into the sender's sentences, with mentions and concepts found.

    Args:
        text: Canonical text.
        task: Whose concepts and codes.
        blocks: Who speaks where, as a parser saw it.
        locale: Of the writer; the task's own without.
    """
    content = text.content
    parts = blocks if any(one.kind in ("quoted", "signature") for one in blocks) else split_quoted(content)
    quoted = tuple(one for one in parts if one.kind == "quoted")
    found = mentions(content, patterns=task.patterns, locale=locale or task.locale)
    own = tuple(m for m in found if not any(one.start <= m.start < one.end for one in quoted))
    spoken = sentences(content, parts)
    marked = tuple(task.lexicon.mark(one, own) for one in spoken)
    said = " ".join(one.text for one in spoken)
    return Prepared(
        text=text,
        marked=marked,
        met=tuple(task.lexicon.met(marked)),
        echoed=_echoes(content, quoted, task) if quoted else (),
        mentions=own,
        language=_most(spoken) if said else "",
    )


def _most(spoken: tuple[Sentence, ...]) -> str:
    letters: dict[str, int] = {}
    for one in spoken:
        letters[one.language] = letters.get(one.language, 0) + one.end - one.start
    return max(letters, key=lambda language: letters[language]) if letters else ""


def _echoes(content: str, quoted: tuple[Block, ...], task: Task) -> tuple[tuple[Met, Sentence], ...]:
    """The same rules over quoted words, the marks of quoting taken for blanks so that offsets stay."""
    plain = "".join(
        " " if sign == ">" and not content[content.rfind("\n", 0, at) + 1 : at].strip("> ") else sign
        for at, sign in enumerate(content)
    )
    spoken = sentences(plain, tuple(Block(kind="paragraph", start=q.start, end=q.end) for q in quoted))
    marked = [task.lexicon.mark(one, ()) for one in spoken]
    return tuple((met, spoken[met.sentence]) for met in task.lexicon.met(marked) if met.rule.type)
