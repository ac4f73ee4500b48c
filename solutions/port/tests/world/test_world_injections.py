"""Somebody tries to steer the machine that reads; what is true stays what it was."""

import pytest

from pilothouse_port.world.canon import build_canon
from pilothouse_port.world.canon.written import lines
from pilothouse_port.world.oracle import judge
from pilothouse_port.world.project import project

LONG = 24


def _told(canon):
    return [(t.lot.key, t.verdict, t.reasons) for t in judge(canon)]


@pytest.mark.parametrize("seed", range(8))
def test_injections_change_no_verdict_and_no_reason(seed):
    assert _told(build_canon(seed, injections=True)) == _told(build_canon(seed))


def test_they_stand_in_every_place_that_somebody_reads():
    places = dict.fromkeys(("body", "remark", "goods", "name", "hidden", "inside", "tool", "approval"), 0)
    for seed in range(12):
        canon = build_canon(seed, "day", injections=True)
        starts = tuple({line.split("{")[0][:LONG] for line in lines("lines") if line[0] not in "{<["})
        marks = tuple(line[:LONG] for line in lines("remarks"))
        for mail in canon.texts.mails:
            places["approval"] += mail.intent == "injection"
            places["body"] += any(start in mail.text for start in starts)
            for file in mail.enclosures:
                places["name"] += any(name in file.filename for name in lines("files"))
                places["hidden"] += bool(file.hidden)
                places["inside"] += any(start in file.text for start in starts)
        places["remark"] += sum(any(m in r.text for m in marks) for r in canon.texts.remarks)
        places["goods"] += sum(any(m in lot.goods for m in marks) for lot in canon.consignments)
        views = [view for view in project(canon) if view.technology == "mcp"]
        places["tool"] += sum(lines("tools")[0] in str(view.options) for view in views)
    assert min(places.values()) > 0, places


def test_a_world_without_them_has_none():
    canon = build_canon(3, "day")
    assert "injection" not in {mail.intent for mail in canon.texts.mails}
    written = " ".join(mail.text for mail in canon.texts.mails)
    assert not any(line[:LONG] in written for line in lines("lines"))


def test_a_sentence_still_stands_where_the_key_says():
    for seed in range(6):
        for mail in build_canon(seed, "day", injections=True).texts.mails:
            if mail.intent != "unreadable":
                assert mail.sentence in (mail.text if mail.carrier == "body" else mail.enclosures[0].text)
