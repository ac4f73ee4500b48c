"""Concepts with polarity: negation, condition, quotation, typing errors, split verbs."""

from __future__ import annotations

import pytest

from pilothouse.documents import claims
from pilothouse.documents.claims import Task
from pilothouse.kernel import UsageError


def concepts(task: Task, text: str) -> list[str]:
    prepared = claims.prepare(claims.plain_text(text), task)
    return [("!" if negated else "") + name for m in prepared.marked for name, negated, *_ in m.concepts]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("Please do not release the box.", ["!release"]),
        ("Please don't, under any circumstances, release it.", ["!release"]),
        ("You must not release or deliver it.", ["!release", "!release"]),
        ("The bank has not confirmed, please release it.", ["release"]),
        ("Release it without delay.", ["release"]),
        ("Nobody paid; release it.", ["release"]),
        ("Bitte geben Sie den Container bis auf Weiteres nicht frei.", ["!release"]),
        ("Die Auslieferung darf nicht erfolgen.", ["!release"]),
        ("Bitte geben Sie den Container frei.", ["release"]),
        ("Merci de ne pas livrer le conteneur.", ["!release"]),
        ("No entreguen el contenedor al cliente.", ["!release"]),
        ("Gelieve de container niet te vrijgeven aan de klant.", ["!release"]),
        ("Vi preghiamo di non consegnare il container.", ["!release"]),
        ("Por favor não entreguem o contentor.", ["!release"]),
        ("Prosimy nie wydawać kontenera.", ["!release"]),
        ("We have no objection to the delivery.", ["objection", "release"]),
        ("Bitte re-\nlease nicht", []),
        ("STOP THE DELIVERY", ["hold", "release"]),
        ("A doorstop is not a thing", []),
    ],
)
def test_polarity(task: Task, text: str, found: list[str]) -> None:
    assert concepts(task, text) == found


def read(task: Task, text: str) -> claims.Reading:
    import asyncio

    from pilothouse.labels import unknown

    return asyncio.run(claims.Reader(task).read(claims.plain_text(text), document="d", label=unknown("x")))


@pytest.mark.parametrize(
    "text",
    [
        "If the payment fails, stop the delivery.",
        'He told us "please stop the delivery" last week.',
        "Please dont relaese the box.",
    ],
)
def test_after_a_condition_in_quotes_or_with_a_typing_error_a_warning_stays_a_warning_only(
    task: Task, text: str
) -> None:
    (claim,) = read(task, text).of("stop")
    assert claim.use == "tighten"


def test_the_same_words_plainly_fill(task: Task) -> None:
    (claim,) = read(task, "Please stop the delivery.").of("stop", use="fill")
    assert claim.why == "hold"


def test_later_files_add_to_earlier_ones(task: Task) -> None:
    base = {"task": {"name": "t"}, "types": {"a": {"tightens": True}}, "concepts": {"x": {"en": ["one"]}}}
    more = {"concepts": {"x": {"en": ["two"]}}, "rules": [{"type": "a", "all": ["x"]}]}
    both = claims.task_of(base, more)
    assert read(both, "They said two things.").of("a")
    assert both.version != claims.task_of(base).version


@pytest.mark.parametrize(
    ("table", "word"),
    [
        ({"types": {"a": {}}}, "name"),
        ({"task": {"name": "t"}, "types": {"a": {"tighten": True}}}, "tighten"),
        ({"task": {"name": "t"}, "types": {"a": {}}, "rules": [{"type": "b", "all": ["x"]}]}, "'b'"),
        ({"task": {"name": "t"}, "types": {"a": {}}, "rules": [{"type": "a", "all": ["x"]}]}, "'x'"),
        ({"task": {"name": "t"}, "types": {"a": {}}, "concepts": {"x": {"en": ["*"]}}}, "'*'"),
        ({"task": {"name": "t"}, "types": {"a": {}}, "patterns": {"p": {"regex": "("}}}, "regex"),
    ],
)
def test_a_task_that_does_not_hold_together_says_where(table: dict[str, object], word: str) -> None:
    with pytest.raises(UsageError, match=r".") as caught:
        claims.task_of(table)
    assert caught.value.code == "claims.task"
    assert word in str(caught.value)
