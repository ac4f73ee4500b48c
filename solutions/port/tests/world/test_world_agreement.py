"""Two readings of one policy: the solution's rules and the oracle, written apart, must agree on records."""

from pathlib import Path

import pytest
from world_mapping import ViewReader, write_true_mapping

from pilothouse_port.bindings import load_bindings
from pilothouse_port.evaluate import evaluate
from pilothouse_port.world.canon import TEXT_OUTCOMES, build_canon
from pilothouse_port.world.oracle import judge


@pytest.mark.parametrize("seed", range(300, 312))
async def test_rules_and_oracle_agree_on_every_box_that_records_decide(tmp_path: Path, seed: int) -> None:
    canon = build_canon(seed)
    bindings = load_bindings(write_true_mapping(canon, tmp_path))
    packs = await evaluate(bindings, ViewReader(canon), at=canon.as_of, texts=False)
    said = {(p.consignment.container, p.consignment.bl): p.verdict for p in packs}
    words = {(r.check, r.word) for r in canon.policy.rules if (r.check, r.outcome) in TEXT_OUTCOMES}
    for truth in judge(canon):
        verdict = said[truth.lot.key]
        got = {(reason.check, reason.code) for reason in verdict.reasons}
        want = {(r["check"], r["code"]) for r in truth.reasons} - words
        assert got == want, (truth.lot.key, sorted(truth.lot.flags))
        assert verdict.advised.value == truth.structured
