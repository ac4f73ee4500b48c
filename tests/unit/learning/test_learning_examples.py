"""Examples as files, splits by wording, votes against wrong labels."""

from __future__ import annotations

from pathlib import Path

import pytest

from pilothouse.documents import claims
from pilothouse.kernel import DataError
from pilothouse.labels import unknown
from pilothouse.learning import Example, Examples
from pilothouse.learning.data.noise import noise_of, settled, wrong_share
from pilothouse.learning.data.splits import folds_of, held_out
from pilothouse.learning.data.wordings import MOST_PER_SOURCE, collect, prepare_all, units_of

TASK = claims.task_of(
    {
        "task": {"name": "t"},
        "types": {"stop": {"tightens": True}},
        "concepts": {"hold": {"en": ["hold"]}},
        "rules": [{"type": "stop", "all": ["hold"]}],
    }
)
LABEL = unknown("mail")


def of(text: str, *labels: str, **more: object) -> Example:
    return Example(text=text, labels=frozenset(labels), id=text, **more)  # type: ignore[arg-type]


def test_examples_are_read_as_written(tmp_path: Path) -> None:
    rows = (of("Hold 1.", "stop", group="a", language="en", quotes={"stop": "Hold"}), of("Fine."))
    first = Examples(rows=rows, label=LABEL)
    first.write(tmp_path / "x.jsonl")
    again = Examples.read(tmp_path / "x.jsonl", label=LABEL)
    assert again.rows == rows
    assert again.version == first.version
    assert len(again) == 2


@pytest.mark.parametrize(
    "line",
    ["no json", "[]", '{"labels": []}', '{"text": 1, "labels": []}', '{"text": "a", "labels": [1]}', ""],
)
def test_a_bad_line_is_named(tmp_path: Path, line: str) -> None:
    (tmp_path / "x.jsonl").write_text(line + "\n")
    with pytest.raises(DataError) as caught:
        Examples.read(tmp_path / "x.jsonl", label=LABEL)
    assert caught.value.code == "learning.examples"


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"nothing\.jsonl"):
        Examples.read(tmp_path / "nothing.jsonl", label=LABEL)


def test_one_wording_with_other_numbers_is_one_wording() -> None:
    readings = prepare_all([of(f"Keep MSKU123456{n} back.", "stop") for n in range(9)], TASK)
    (only,) = collect(readings, ("stop",)).values()
    assert (only.count, only.share("stop")) == (9, 1.0)


def test_wrong_labels_are_outvoted_by_their_own_wording() -> None:
    right = [of(f"Please keep {n} back.", "stop") for n in range(20)]
    wrong = [of("Please keep 99 back."), of("When does 77 come?", "stop")]
    other = [of(f"When does {n} come?") for n in range(20)]
    readings = prepare_all([*right, *wrong, *other], TASK)
    wordings = collect(readings, ("stop",))
    said = {one.example.text: settled(one, wordings, ("stop",)) for one in readings}
    assert said["Please keep 99 back."] == {"stop"}
    assert said["When does 77 come?"] == frozenset()
    look = noise_of(readings, wordings)["look_at"]
    assert {(one["example"], one["label"]) for one in look} == {
        ("Please keep 99 back.", "missing"),
        ("When does 77 come?", "too much"),
    }


def test_boilerplate_beside_a_claim_is_not_the_claim() -> None:
    rows = [of(f"We refer to lot {n}. Hold {n}!", "stop") for n in range(9)]
    rows += [of(f"We refer to lot {n}. All is well.") for n in range(9)]
    wordings = collect(prepare_all(rows, TASK), ("stop",))
    claimed = {name for name, one in wordings.items() if one.claims("stop")}
    assert claimed == {"hold <number>"}


def test_a_quote_says_which_sentence_carries_the_claim() -> None:
    row = of("It rains. It stays here.", "stop", quotes={"stop": "It stays"})
    wordings = collect(prepare_all([row], TASK), ("stop",))
    assert {name for name, one in wordings.items() if one.claims("stop")} == {"it stays here"}


def test_no_source_teaches_by_repeating() -> None:
    rows = [of(f"Keep {n} back.", "stop", source="loud") for n in range(200)]
    (only,) = collect(prepare_all(rows, TASK), ("stop",)).values()
    assert only.count == MOST_PER_SOURCE


def test_few_votes_mean_the_usual_share_of_wrong_labels() -> None:
    assert wrong_share(collect(prepare_all([of("Keep it.", "stop")], TASK), ("stop",))) == 0.03


def test_near_wordings_and_groups_are_kept_together() -> None:
    a = "Please keep the container at the terminal until we have been paid for it"
    rows = [
        of(f"{a}.", "stop"),
        of(f"{a} in full.", "stop"),
        of("Nothing moves today.", "stop", group="g"),
        of("Let it stand where it is.", "stop", group="g"),
        of("The weather is fine."),
    ]
    units = units_of(collect(prepare_all(rows, TASK), ("stop",)))
    names = list(units)
    assert units[names[0]] == units[names[1]]
    assert units[names[2]] == units[names[3]]
    assert len(set(units.values())) == 3


def test_no_unit_is_in_two_folds_and_held_out_units_are_of_each_kind() -> None:
    rows = [of(f"{word} keep it back.", "stop") for word in ("ash", "oak", "elm", "fir", "yew", "bay", "fig")]
    rows += [of(f"{word} came home today.") for word in ("ant", "bee", "cat", "dog", "elk", "fox", "gnu")]
    wordings = collect(prepare_all(rows, TASK), ("stop",))
    units = {name: name for name in wordings}
    kept = held_out(wordings, units, ("stop",), share=0.25, seed=1)
    assert {wordings[name].claims("stop") for name in kept} == {True, False}
    assert len(kept) == 4
    folds = folds_of(list(wordings), units, count=7, seed=1)
    assert sorted(folds.count(f) for f in range(7)) == [2] * 7
