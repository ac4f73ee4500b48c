"""A dealt policy is said in numbered sentences; whoever reads them knows every row, number and exception."""

import re
from collections import defaultdict

import pytest

from pilothouse_port.facts import OUTCOMES
from pilothouse_port.world.canon import ROWS, VERDICTS, build_canon
from pilothouse_port.world.canon.build import policy_words
from pilothouse_port.world.policy_writer import write_policy

SEEDS = range(60)


def _lines_of(text):
    return [line for line in text.splitlines() if re.match(r"(\| )?\d+\.\d+ ", line)]


@pytest.mark.parametrize("seed", SEEDS)
def test_every_row_can_be_quoted_with_its_word_and_verdict(seed):
    canon = build_canon(seed)
    lines = _lines_of(write_policy(canon))
    for rule in canon.policy.rules:
        said = [line for line in lines if re.search(rf"(?<!\w){re.escape(rule.word)}(?!\w)", line)]
        assert any(rule.verdict in line for line in said), rule
    numbers = [re.match(r"(?:\| )?(\d+\.\d+)", line)[1] for line in lines]
    assert len(numbers) == len(set(numbers))


@pytest.mark.parametrize("seed", SEEDS)
def test_no_slot_is_left_open_and_every_special_is_said(seed):
    canon = build_canon(seed)
    text = write_policy(canon)
    assert "{" not in text
    for special in canon.policy.specials:
        assert (str(special.amount) if special.kind == "group_tolerance" else special.word) in text


def test_reason_words_are_one_to_one():
    for seed in SEEDS:
        policy = build_canon(seed).policy
        words = [rule.word for rule in policy.rules] + [
            s.word for s in policy.specials if s.kind == "reefer_friday"
        ]
        assert len(words) == len(set(words))


def test_seeds_deal_languages_words_orders_and_numbers():
    seen = defaultdict(set)
    for seed in SEEDS:
        policy = build_canon(seed).policy
        seen["language"].add(policy.language)
        seen["style"].add(policy.word_style)
        seen["order"].add(tuple(rule.check for rule in policy.rules))
        seen["rows"].add(frozenset((r.check, r.outcome, r.verdict) for r in policy.rules))
        seen["parameters"].add(str(policy.parameters))
        seen["form"].add(policy.form)
    assert seen["language"] == {"en", "nl", "de", "fr", "es"}
    assert seen["style"] == {"words", "numbers", "letters"}
    assert len(seen["rows"]) == len(seen["parameters"]) == len(SEEDS)
    assert len(seen["order"]) == len(SEEDS)
    assert seen["form"] == {0, 1, 2}


def test_some_checks_are_absent_but_never_the_ones_a_port_lives_by():
    missing = defaultdict(int)
    for seed in SEEDS:
        policy = build_canon(seed).policy
        for key in ROWS:
            missing[key] += policy.rule(*key) is None
    assert sum(missing.values()) > 3 * len(SEEDS)
    for key in (
        ("title", "not_surrendered"),
        ("customs", "held"),
        ("stop", "instructed"),
        ("order", "missing"),
    ):
        assert missing[key] == 0


def test_the_rows_speak_of_outcomes_that_the_catalogue_knows():
    for check, outcome in ROWS:
        assert outcome in OUTCOMES[check.partition(":")[0]]
    dealt = {(check.partition(":")[0], outcome) for check, outcome in ROWS}
    assert dealt == {(check, outcome) for check, outcomes in OUTCOMES.items() for outcome in outcomes}


@pytest.mark.parametrize("language", ["en", "nl", "de", "fr", "es"])
def test_each_language_has_a_word_for_every_outcome(language):
    words = policy_words(language)
    assert {f"{check}.{outcome}" for check, outcome in ROWS} <= set(words)
    assert len(set(words.values())) == len(words)


def test_the_policy_names_its_verdicts_and_their_order():
    for seed in range(5):
        opening = write_policy(build_canon(seed)).split("\n## ")[0]
        assert ", ".join(VERDICTS) in opening


def test_covering_scopes_are_the_words_that_the_mandates_use():
    from pilothouse_port.world.project import places

    for seed in range(10):
        canon = build_canon(seed)
        codes = places(canon)["mandate.scope"].codes
        if canon.policy.rule("mandate", "out_of_scope"):
            said = write_policy(canon)
            assert all(codes[scope] in said for scope in canon.policy.parameters.scopes)
