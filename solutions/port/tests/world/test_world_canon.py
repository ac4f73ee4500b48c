"""A port comes out of a number: the same on every machine, another for every seed."""

import os
import subprocess
import sys
from collections import Counter
from dataclasses import asdict

import pytest

from pilothouse_port.world.canon import SIZES, build_canon
from pilothouse_port.world.canon.build import stream
from pilothouse_port.world.canon.exceptions import STRUCTURED, TEXT_KINDS
from pilothouse_port.world.canon.stock import BoxNumbers, check_digit, mistyped

_DIGEST = (
    "import hashlib,json;from dataclasses import asdict;"
    "from pilothouse_port.world.canon import build_canon;from pilothouse_port.world.project import project;"
    "from pilothouse_port.world.oracle import answer_key;"
    "from pilothouse_port.world.policy_writer import write_policy;"
    "c=build_canon(11);d=[[asdict(v) for v in project(c)],answer_key(c),write_policy(c)];"
    "print(hashlib.sha256(json.dumps(d,default=str).encode()).hexdigest())"
)


def test_the_check_digit_is_that_of_iso_6346():
    assert check_digit("CSQU305438") == "3"  # the example of the standard
    assert check_digit("MSKU123456") == "5"


def test_every_box_has_a_valid_number_and_a_mistyped_one_has_not():
    numbers = BoxNumbers(stream(1, "test"))
    for number in (numbers.next() for _ in range(300)):
        assert check_digit(number[:10]) == number[10]
        wrong = mistyped(stream(1, number), number)
        assert wrong != number
        assert check_digit(wrong[:10]) != wrong[10]


@pytest.mark.parametrize("size", ["small", "day"])
def test_a_size_is_kept_exactly_and_no_consignment_comes_twice(size):
    canon = build_canon(3, size)
    keys = [lot.key for lot in canon.consignments]
    assert len(keys) == len(set(keys)) == SIZES[size]


def test_the_same_seed_gives_the_same_world_and_another_seed_another():
    assert asdict(build_canon(5)) == asdict(build_canon(5))
    assert asdict(build_canon(5)) != asdict(build_canon(6))


def test_the_order_of_hashes_does_not_matter():
    outs = set()
    for salt in ("0", "1", "77"):
        env = {**os.environ, "PYTHONHASHSEED": salt}
        run = subprocess.run(
            [sys.executable, "-c", _DIGEST], env=env, capture_output=True, text=True, check=True
        )
        outs.add(run.stdout)
    assert len(outs) == 1


def test_a_bill_may_have_many_boxes_and_a_box_several_bills():
    boxes, bills = Counter(), Counter()
    for lot in build_canon(2, "day").consignments:
        boxes[lot.container.number] += 1
        bills[lot.bill.number] += 1
    assert max(bills.values()) >= 4
    assert max(boxes.values()) == 2


@pytest.mark.parametrize("seed", [1, 2, 3, 4, 5])
def test_dense_has_thirty_of_each_kind_in_a_thousand(seed):
    canon = build_canon(seed, "day", "dense")
    counts = Counter(flag for lot in canon.consignments for flag in lot.flags)
    asked = {k.name for k in TEXT_KINDS if canon.policy.rule(*k.name.rsplit(".", 1))}
    least = 0.03 * len(canon.consignments)
    for kind in (*STRUCTURED, *TEXT_KINDS):
        if kind in STRUCTURED or kind.name in asked:
            assert counts[kind.name] >= least, kind.name


def test_exceptions_meet_in_pairs_and_triples():
    met = Counter(len(lot.flags) for lot in build_canon(4, "day").consignments)
    assert met[0] > 40
    assert met[2] > 20
    assert sum(n for count, n in met.items() if count >= 3) > 20


def test_real_life_is_calmer_than_the_dense_profile():
    def troubled(profile):
        canon = build_canon(7, "day", profile)
        return sum(bool(lot.flags) for lot in canon.consignments) / len(canon.consignments)

    assert troubled("real") < 0.45
    assert troubled("dense") > 0.6


def test_no_firm_has_a_domain_that_somebody_could_own():
    canon = build_canon(8, "day")
    assert all(party.domain.endswith(".example") for party in canon.parties)
    for mail in canon.texts.mails:
        assert mail.sender.endswith(".example")
        assert not mail.reply_to or mail.reply_to.endswith(".example")


def test_nothing_that_is_recorded_lies_after_the_worlds_now():
    canon = build_canon(9, "day")
    papers, yard = canon.papers, canon.yard
    stamps = [m.sent for m in papers.customs] + [m.received for m in papers.customs]
    stamps += [o.updated_at for o in papers.orders] + [n.sent for n in papers.notices]
    stamps += [s.at for s in papers.surrenders] + [b.at for b in yard.blocks]
    stamps += [s.created for s in yard.slots] + [m.date for m in canon.texts.mails]
    stamps += [r.at for r in canon.texts.remarks] + [c.discharged_at for c in canon.cargo.containers]
    assert max(stamps) <= canon.as_of
    assert all(slot.start > canon.as_of for slot in yard.slots)
