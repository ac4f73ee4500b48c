"""Figures never stand alone: each has its n, each zero its bound; minutes come from logged actions."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from dirty_equals import IsPartialDict
from port_samples import AT, box, mail, row, table

from pilothouse.kernel import DataError, UsageError, decode, encode
from pilothouse_port.cost import SECONDS, manual, minutes
from pilothouse_port.evaluate import judge
from pilothouse_port.pack import decision_line
from pilothouse_port.score import Rate, read_lines, score, upper_bound


def line(number: int, verdict: str, *reasons: str, bound: str | None = None) -> dict[str, object]:
    return {
        "container": f"BOX{number}",
        "bl": "B",
        "verdict": verdict,
        "bound": bound or verdict,
        "reasons": [{"check": word, "code": word.upper()} for word in reasons],
    }


def test_each_measure_counts_what_its_name_says() -> None:
    key = [
        line(1, "RELEASE"),
        line(2, "RELEASE"),
        line(3, "HOLD", "money"),
        line(4, "ESCALATE", "stop", "title"),
    ]
    ours = [
        line(1, "RELEASE"),
        line(2, "HOLD", "gate"),
        line(3, "HOLD", "money"),
        line(4, "RELEASE", bound="ESCALATE"),
    ]
    got = score(ours, key)
    assert (got.right.hits, got.right.n) == (2, 4)
    assert (got.wrong_advised.hits, got.wrong_bound.hits) == (1, 0)
    assert (got.needless.hits, got.needless.n) == (1, 2)
    assert (got.precision.hits, got.precision.n, got.recall.n) == (1, 2, 3)
    assert got.confusion == IsPartialDict({"ESCALATE->RELEASE": 1, "RELEASE->HOLD": 1})
    assert got.reasons_missed == {"stop STOP": 1, "title TITLE": 1}


def test_a_consignment_nobody_decided_is_not_right() -> None:
    got = score([], [line(1, "RELEASE")])
    assert (got.right.hits, got.missing, got.needless.hits) == (0, 1, 1)


def test_a_zero_carries_the_rule_of_three() -> None:
    assert upper_bound(0, 1000) == pytest.approx(3 / 1000, rel=0.01)
    assert upper_bound(0, 3000) == pytest.approx(3 / 3000, rel=0.01)
    assert upper_bound(1, 100) == pytest.approx(0.0466, abs=0.0005)
    assert upper_bound(5, 5) == 1.0
    assert "at most 3.0 at 95 %" in Rate(hits=0, n=1000).words(per=1000)
    assert "at most" not in Rate(hits=2, n=1000).words(per=1000)


def test_broken_lines_name_file_and_line(tmp_path: Path) -> None:
    path = tmp_path / "decisions.jsonl"
    path.write_text(json.dumps(line(1, "HOLD")) + "\n{\n", encoding="utf-8")
    with pytest.raises(DataError, match=r"decisions\.jsonl line 2 is not JSON"):
        read_lines(path)
    path.write_text('{"container": "A"}\n', encoding="utf-8")
    with pytest.raises(DataError, match="line 1 needs container, bl and verdict"):
        read_lines(path)
    with pytest.raises(UsageError, match="no file"):
        read_lines(tmp_path / "none.jsonl")
    with pytest.raises(DataError, match="decided twice"):
        score([line(1, "HOLD"), line(1, "HOLD")], [line(1, "HOLD")])


def test_minutes_are_the_published_constants_times_logged_actions() -> None:
    assert minutes({"K": 10, "C": 4, "M": 2, "R": 238}) == pytest.approx((2.8 + 3.0 + 2.7) / 60 + 1)
    assert SECONDS["P"] == 1.1
    pack = judge(box(), table(row("customs", "held"), row("title", "not_surrendered")), at=AT, number=1)
    by = {clerk: minutes(actions) for clerk, actions in pack.actions.items()}
    assert by["assisted"] < by["saved"] < by["competent"] < by["typed"]
    assert manual("typed", (), ())["C"] == 11


def test_a_pack_says_why_with_evidence_and_a_draft() -> None:
    by = table(row("seal", "mismatch", "ESCALATE", reason="S1"), row("stop", "instructed", "ESCALATE"))
    pack = judge(box(seal__terminal="ZZ9", unread=[mail("do not release")]), by, at=AT)
    out = decision_line(pack)
    assert out["verdict"] == out["bound"] == "ESCALATE"
    assert out["reasons"][0] == {"check": "seal", "code": "S1", "outcome": "mismatch"}
    assert {item["fact"] for item in out["evidence"]} == {"seal.manifest", "seal.terminal", "text.mail"}
    (draft,) = pack.drafts
    assert "ZZ9" in draft.text
    assert json.loads(json.dumps(out)) == out
    assert decode(encode(pack)) == pack
    assert judge(box(seal__terminal="ZZ8"), by, at=AT).content != pack.content
