"""Two readings of one policy: the solution's rules and the oracle, written apart, must agree on records."""

import os
import tomllib
from pathlib import Path

import pytest
from world_mapping import ViewReader, write_true_mapping

from pilothouse.connectors import Sources
from pilothouse.kernel import SYSTEM
from pilothouse_port.bindings import Reader, SourcesReader, load_bindings
from pilothouse_port.evaluate import evaluate
from pilothouse_port.world import serve
from pilothouse_port.world.canon import TEXT_OUTCOMES, Canon, build_canon
from pilothouse_port.world.oracle import judge
from pilothouse_port.world.render_world import make_world


async def _disagreements(canon: Canon, folder: Path, reader: Reader) -> list[object]:
    bindings = load_bindings(write_true_mapping(canon, folder))
    packs = await evaluate(bindings, reader, at=canon.as_of, texts=False)
    said = {(p.consignment.container, p.consignment.bl): p.verdict for p in packs}
    words = {(r.check, r.word) for r in canon.policy.rules if (r.check, r.outcome) in TEXT_OUTCOMES}
    found: list[object] = []
    for truth in judge(canon):
        verdict = said[truth.lot.key]
        got = {(reason.check, reason.code) for reason in verdict.reasons}
        want = {(r["check"], r["code"]) for r in truth.reasons} - words
        if got != want or verdict.advised.value != truth.structured:
            found.append((truth.lot.key, sorted(truth.lot.flags), got ^ want))
    return found


@pytest.mark.parametrize("seed", range(300, 312))
async def test_rules_and_oracle_agree_on_every_box_that_records_decide(tmp_path: Path, seed: int) -> None:
    canon = build_canon(seed)
    assert await _disagreements(canon, tmp_path, ViewReader(canon)) == []


async def test_they_agree_through_the_real_technologies_too(tmp_path: Path) -> None:
    """Servers, drops, messages and mails lose nothing and add nothing on the way."""
    canon = build_canon(313)
    world = make_world(tmp_path / "out", seed=313).world
    try:
        serve.up(world, owner=os.getpid())
        project = tomllib.loads((tmp_path / "out/run/pilothouse.toml").read_text())
        sources = Sources.from_config(project, base=tmp_path / "out/run")
        try:
            assert await _disagreements(canon, tmp_path, SourcesReader(sources, SYSTEM)) == []
        finally:
            await sources.close()
    finally:
        serve.down(world, forget=True)
