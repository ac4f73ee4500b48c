"""Owns the built-in rungs as extractors: rules over a lexicon, and a trained judge of sentences."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from pilothouse.documents.claims.heads import spoken
from pilothouse.documents.claims.judging import LIKELY, SUSPECT, Judge, Judgement, Opinion
from pilothouse.documents.claims.prepare import Prepared, prepare
from pilothouse.documents.claims.task import Task
from pilothouse.documents.claims.types import Candidate, ClaimType

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from pilothouse.documents.claims.lexicon import Marked
    from pilothouse.documents.claims.ports import Encoder
    from pilothouse.documents.types import Text

__all__ = ["HeadExtractor", "RuleExtractor", "encode_wanted"]


class RuleExtractor:
    """Rungs 1 and 2: proposes what the rules of a task meet."""

    def __init__(self, task: Task) -> None:
        self._task = task

    @property
    def version(self) -> str:
        """The task's hash: a changed term is another version."""
        return f"rules@{self._task.version}"

    async def propose(self, text: Text, *, wanted: frozenset[ClaimType]) -> Sequence[Candidate]:
        """Return what the rules meet."""
        names = {one.name for one in wanted}
        return [one for one in self.of(prepare(text, self._task)) if one.type in names]

    def of(self, prepared: Prepared) -> list[Candidate]:
        """Return what the rules meet in a text that is prepared already."""
        found: list[Candidate] = []
        for met in prepared.met:
            if not met.rule.type:
                continue
            sentence = prepared.marked[met.sentence].sentence
            found.append(
                Candidate(
                    type=met.rule.type,
                    start=sentence.start,
                    end=sentence.end,
                    extractor=self.version,
                    rung="rule",
                    p=met.rule.p if met.use == met.rule.use else min(met.rule.p, 0.6),
                    use=met.use,
                    why=met.rule.note or met.why,
                )
            )
        return found


class HeadExtractor:
    """Rung 3: proposes what a trained judge is confident of."""

    def __init__(self, task: Task, judge: Judge, encoder: Encoder | None = None) -> None:
        self._task = task
        self._judge = judge
        self._encoder = encoder

    @property
    def version(self) -> str:
        """The judge's."""
        return self._judge.version

    async def propose(self, text: Text, *, wanted: frozenset[ClaimType]) -> Sequence[Candidate]:
        """Return what the judge is confident of."""
        prepared = prepare(text, self._task)
        vectors = await encode_wanted(self._judge, self._encoder, prepared.marked)
        names = {one.name for one in wanted}
        judged = self._judge.judge(prepared.marked, vectors)
        return [one for one in self.of(prepared, judged) if one.type in names]

    def of(self, prepared: Prepared, judged: Iterable[Judgement]) -> list[Candidate]:
        """Return the candidates of judgements, one a sentence, in order."""
        found: list[Candidate] = []
        for marked, one in zip(prepared.marked, judged, strict=True):
            for name, opinion in one.opinions.items():
                if not self._worth_saying(name, opinion) or marked.sentence.kind != "said":
                    continue
                found.append(
                    Candidate(
                        type=name,
                        start=marked.sentence.start,
                        end=marked.sentence.end,
                        extractor=self.version,
                        rung="head",
                        p=opinion.p,
                        use=opinion.use or "tighten",
                        layout=one.layout,
                    )
                )
        return found

    def _worth_saying(self, name: str, opinion: Opinion) -> bool:
        """Below even odds nothing is claimed: the sentence stays unread, and a suspicion is said aloud."""
        if opinion.use is None:
            return False
        return opinion.p >= LIKELY or (opinion.p >= SUSPECT and self._task.by_name[name].tightens)


async def encode_wanted(
    judge: Judge, encoder: Encoder | None, marked: Sequence[Marked]
) -> Mapping[int, NDArray[np.float32]]:
    """Return vectors of the sentences whose language the judge wants them of, by number."""
    if encoder is None or not judge.encoder:
        return {}
    wanted = [
        number
        for number, one in enumerate(marked)
        if one.sentence.kind == "said" and one.sentence.language in judge.encoded
    ]
    if not wanted:
        return {}
    rows = await encoder.encode([spoken(marked[number]) for number in wanted], kind="query")
    return dict(zip(wanted, rows, strict=True))
