"""The past is what readers learn from: it disturbs no decision of today and holds the clerks' own errors."""

from collections import Counter

import pytest

from pilothouse_port.world.canon import PAST, TEXT_OUTCOMES, build_canon
from pilothouse_port.world.oracle import answer_key
from pilothouse_port.world.project import project

INTENT = {"dispute": ("money", "dispute"), "stop": ("stop", "instructed")}


def _texts(canon):
    return [f"{m.subject}\n{m.text}" for m in canon.texts.mails] + [r.text for r in canon.texts.remarks]


@pytest.mark.parametrize("seed", range(8))
def test_the_past_leaves_todays_answers_alone(seed):
    with_past, without = build_canon(seed), build_canon(seed, history=0)
    assert not without.history.tickets
    assert answer_key(with_past) == answer_key(without)
    assert _texts(with_past) == _texts(without)


@pytest.mark.parametrize("seed", range(6))
def test_past_texts_name_past_boxes_alone_and_todays_name_none_of_them(seed):
    canon = build_canon(seed, "day")
    past, today = canon.history.consignments, canon.consignments
    assert len(past) == PAST["day"]
    names = [{n for lot in lots for n in lot.key} for lots in (past, today)]
    assert not names[0] & names[1]
    written = " ".join(f"{m.subject} {m.text}" for m in canon.history.texts.mails)
    assert not [name for name in names[1] if name in written]
    assert not [name for name in names[0] if name in " ".join(_texts(canon))]
    assert {r.container for r in canon.history.texts.remarks} <= names[0]


@pytest.mark.parametrize("seed", range(6))
def test_everything_past_was_over_before_now(seed):
    canon = build_canon(seed, "day")
    tickets = canon.history.tickets
    assert max(ticket.decided_at for ticket in tickets) < canon.as_of
    assert max(mail.date for mail in canon.history.texts.mails) < min(m.date for m in canon.texts.mails)
    late = sum((t.entered_at - t.decided_at).days >= 2 for t in tickets) / len(tickets)
    assert 0.02 < late < 0.12


def test_clerks_use_the_policys_words_and_err_in_about_three_of_a_hundred():
    slips, tickets = Counter(), 0
    for seed in range(10):
        canon = build_canon(seed, "day")
        words = {rule.word for rule in canon.policy.rules}
        for ticket in canon.history.tickets:
            assert set(ticket.reasons) <= words
            assert ticket.slip or bool(ticket.reasons) == (ticket.verdict != "RELEASE")
            slips[ticket.slip] += 1
            tickets += 1
    assert 0.02 < 1 - slips[""] / tickets < 0.042
    assert all(slips[kind] > 5 for kind in ("verdict", "missing", "wrong"))


@pytest.mark.parametrize("intent", sorted(INTENT))
def test_most_tickets_say_what_the_mails_before_them_said(intent):
    """A clerk who saw a mail wrote its reason down; errors and mails that came later are the noise."""
    agree = Counter()
    for seed in range(8):
        canon = build_canon(seed, "day")
        rule = canon.policy.rule(*INTENT[intent])
        tickets = {(t.container, t.bill): t for t in canon.history.tickets}
        back = {m.in_reply_to for m in canon.history.texts.mails if m.intent == "stop_withdrawn"}
        for mail in canon.history.texts.mails:
            if rule and mail.intent == intent and mail.message_id not in back:
                agree.update(rule.word in tickets[key].reasons for key in mail.keys)
    assert agree[True] > 60
    assert 0.85 < agree[True] / agree.total() < 1


def test_some_tickets_have_texts_and_most_have_none():
    canon = build_canon(2, "day")
    named = {key for mail in canon.history.texts.mails for key in mail.keys}
    remarked = {r.container for r in canon.history.texts.remarks}
    bare = [
        t for t in canon.history.tickets if (t.container, t.bill) not in named and t.container not in remarked
    ]
    assert 0.3 < len(bare) / len(canon.history.tickets) < 0.8


def test_every_text_reason_can_be_learnt_from_the_past_of_a_few_days():
    seen = Counter()
    for seed in range(4):
        canon = build_canon(seed, "day")
        by_word = {r.word: (r.check, r.outcome) for r in canon.policy.rules}
        seen.update(by_word[word] for ticket in canon.history.tickets for word in ticket.reasons)
    assert all(seen[outcome] >= 20 for outcome in TEXT_OUTCOMES), seen


@pytest.mark.parametrize("seed", range(12))
def test_the_desks_tickets_are_a_system_like_others(seed):
    canon = build_canon(seed)
    (found,) = [
        view for view in project(canon) if any("T20001" in map(str, row.values()) for row in _rows(view))
    ]
    assert found.technology in {"drop", "sqlite", "postgres", "mariadb"}
    assert len(_rows(found)) == len(canon.history.tickets)
    text = " ".join(str(value) for row in _rows(found) for value in row.values())
    assert not {"ESCALATE", "HOLD"} & set(text.split())


def _rows(view):
    return [row for thing in view.objects for row in thing.rows]
