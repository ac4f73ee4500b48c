"""The ladder's figures: golden tables, exact false promotion beside two usual tests, detection, speed.

Run: python bench/ladder.py [trials]

*Clopper-Pearson* and *Wilson* are the bounds that quality assurance computes for a fixed number of labels;
here somebody looks at them after every label (or every 100) and promotes as soon as they allow it, which is
what people do. The chances are exact (a dynamic programme), the detector's and the selection's simulated with
a fixed seed. Times are CPU time; the last ones on an embedded PostgreSQL with fsync on.
"""

from __future__ import annotations

import asyncio
import math
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from pilothouse.decisions import Inbox, Ladder, LadderPolicy, Rung, Unit
from pilothouse.decisions.ladder.maths import (
    COLD,
    alarmed,
    clopper_pearson,
    evidence,
    evidence_rule,
    false_promotion,
    labels_needed,
    labels_until,
    select,
    spent,
    step,
    upper_bound,
    wilson,
)
from pilothouse.decisions.ladder.maths.exact import Rule
from pilothouse.storage import StorageSettings, open_database

TRIALS = int(sys.argv[1]) if len(sys.argv) > 1 else 400
ERRORS = (0, 1, 2, 3, 5, 10)
CLAIMS = ((0.05, 0.05), (0.02, 0.05), (0.01, 0.05), (0.01, 0.01), (0.001, 0.05))


def main() -> None:
    needed()
    bounds()
    began = time.process_time()
    watched()
    versions()
    print(f"  the exact programme took {time.process_time() - began:.1f} s of CPU time")
    detection()
    selection()
    speed()
    asyncio.run(rows())


def needed() -> None:
    print("Labels needed: a fixed number looked at once (Clopper-Pearson) / ours, looked at after each")
    for eps, alpha in CLAIMS:
        fixed: dict[int, int] = {}
        for n, most in enumerate(clopper_pearson(eps, alpha), start=1):
            for k in ERRORS:
                if k <= most:
                    fixed.setdefault(k, n)
            if most >= max(ERRORS):
                break
        cells = "  ".join(f"{fixed[k]:>6,}/{labels_needed(eps, alpha, k):<6,}" for k in ERRORS)
        print(f"  {1 - eps:6.1%} at {1 - alpha:.0%}  {cells}")
    first = [labels_needed(0.01, spent(0.05, 1.0, v)) for v in (1, 2, 10)]
    print(f"  99 % at 95 % with spending, versions 1, 2, 10: {first}")


def bounds() -> None:
    points = ((356, 0), (357, 0), (643, 1), (644, 1), (1_000, 2), (1_000, 3))
    print("Evidence at eps 1 %: " + ", ".join(f"E({n},{k})={evidence(n, k, 0.01):.4f}" for n, k in points))
    points = ((100, 0), (1_000, 2), (1_000, 5), (5_000, 20))
    words = ", ".join(f"({n},{k}) {100 * upper_bound(n, k, 0.05):.3f} %" for n, k in points)
    print(f"Upper bounds at 95 %: {words}")


def watched() -> None:
    print("False promotion when the error share equals eps, watching (exact)")
    print(f"  {'':28}{'1 %, 5,000':>12}{'1 %, 20,000':>13}{'5 %, 5,000':>12}{'1 %, truth 2 %':>16}")
    rules: tuple[tuple[str, Rule, int], ...] = (
        ("Clopper-Pearson each label", clopper_pearson, 1),
        ("Clopper-Pearson every 100", clopper_pearson, 100),
        ("Wilson each label", wilson, 1),
        ("ours each label", evidence_rule, 1),
    )
    for name, rule, every in rules:
        one = false_promotion(rule, eps=0.01, alpha=0.05, truth=0.01, labels=20_000, every=every)
        five = false_promotion(rule, eps=0.05, alpha=0.05, truth=0.05, labels=5_000, every=every)
        twice = false_promotion(rule, eps=0.01, alpha=0.05, truth=0.02, labels=5_000, every=every)
        print(f"  {name:28}{one[4_999]:12.2%}{one[-1]:13.2%}{five[-1]:12.2%}{twice[-1]:16.2%}")


def versions() -> None:
    def chance(alpha: float) -> float:
        return false_promotion(evidence_rule, eps=0.01, alpha=alpha, truth=0.01, labels=3_000)[-1]

    without = 1 - (1 - chance(0.05)) ** 10
    with_spending = 1 - math.prod(1 - chance(spent(0.05, 1.0, v)) for v in range(1, 11))
    print(f"Ten versions, 3,000 labels each: {without:.1%} without spending, {with_spending:.1%} with")
    print("Labels until certified at 99 % / 95 %, by true error share")
    for truth in (0.001, 0.003, 0.005, 0.007):
        curve = false_promotion(evidence_rule, eps=0.01, alpha=0.05, truth=truth, labels=20_000)
        print(f"  {truth:.1%}: median {labels_until(curve)}, never in 20,000: {1 - curve[-1]:.0%}")


def detection() -> None:
    dice = random.Random(1)
    print(f"Detector at eps 1 %, {TRIALS} trials: median audited cases until the alarm, warm / cold")
    for share in (0.02, 0.05, 0.10):
        warm = statistics.median(_until_alarm(dice, share, history=1_000) for _ in range(TRIALS))
        cold = statistics.median(_until_alarm(dice, share) for _ in range(TRIALS))
        print(f"  0.2 % -> {share:.0%}: {warm:.0f} / {cold:.0f}")
    false = statistics.mean(_until_alarm(dice, 0.01) for _ in range(TRIALS))
    print(f"  mean run between false alarms at exactly eps: {false:.0f} (promised: at least 1,000)")


def _until_alarm(dice: random.Random, share: float, *, history: int = 0) -> int:
    state: tuple[float, ...] = COLD
    for _ in range(history):
        state = step(state, dice.random() < 0.002, 0.01)
        if alarmed(state, 1e-3):
            state = COLD
    cases = 0
    while not alarmed(state, 1e-3):
        cases += 1
        state = step(state, dice.random() < share, 0.01)
    return cases


def selection() -> None:
    """Bad with chance (1 - confidence)^3 / 4; naive takes the lowest threshold whose labels look good."""
    eps, trials = 0.02, max(100, TRIALS // 2)
    print(f"Selective action at eps 2 %, {trials} trials: naive / ours break it, share acted on by ours")
    best = 1 - _edge(eps)
    for size in (1_000, 3_000, 10_000):
        dice = random.Random(size)
        naive = ours = 0
        acted = 0.0
        for _ in range(trials):
            cases = [(score, dice.random() < (1 - score) ** 3 / 4) for score in _scores(dice, size)]
            naive += _truth(_naive(cases, eps)) > eps
            found = select(cases, eps=eps, delta=0.05)
            ours += _truth(found.threshold) > eps
            acted += found.share / trials
        print(
            f"  {size:6,} labels: {naive / trials:5.1%} / {ours / trials:4.1%}, acts on {acted:.0%} "
            f"(best possible {best:.0%})"
        )


def _scores(dice: random.Random, size: int) -> list[float]:
    return [dice.random() for _ in range(size)]


def _truth(threshold: float) -> float:
    """Return the true error share above a threshold: the mean of (1-s)^3/4 over [t, 1]."""
    return (1 - threshold) ** 3 / 16 if threshold < 1 else 0.0


def _edge(eps: float) -> float:
    return 1 - (16 * eps) ** (1 / 3)


def _naive(cases: list[tuple[float, bool]], eps: float) -> float:
    ranked = sorted(cases, reverse=True)
    bad, threshold = 0, 1.0
    for n, (confidence, wrong) in enumerate(ranked, start=1):
        bad += wrong
        if bad / n <= eps:
            threshold = confidence
    return threshold


def speed() -> None:
    print("CPU time")
    _timed("evidence from two integers", lambda: evidence(1_000, 2, 0.01), 20_000)
    _timed("upper bound", lambda: upper_bound(1_000, 2, 0.05), 500)
    _timed("one detector step", lambda: step((98.0, 23.75, 10.0), False, 0.01), 50_000)


def _timed(name: str, work: Callable[[], object], times: int) -> None:
    began = time.process_time()
    for _ in range(times):
        work()
    print(f"  {name:44} {(time.process_time() - began) / times * 1e6:9.1f} us")


async def rows() -> None:
    with tempfile.TemporaryDirectory() as folder:
        settings = StorageSettings(data_dir=Path(folder) / "data")
        async with open_database(settings) as database:
            policy = LadderPolicy(settle_days={1: 0}, catch="assumed")
            ladder = Ladder(database, Inbox(database), policy=policy)
            unit = Unit(action="book_slot", tier=1, version="v1")
            keeping = asyncio.create_task(ladder.keep_fresh())
            began = time.perf_counter()
            for number in range(200):
                await ladder.label(unit, f"c-{number}", wrong=False, source="bench")
            print(f"  one label, wall clock{'':23} {(time.perf_counter() - began) / 200 * 1e3:9.2f} ms")
            await ladder.standing(unit)
            began = time.process_time()
            for _ in range(20_000):
                await ladder.standing(unit)
            print(f"  standing from memory{'':24} {(time.process_time() - began) / 20_000 * 1e6:9.1f} us")
            began = time.perf_counter()
            for _ in range(200):
                async with database.transaction() as tx:
                    await ladder.require_rung(tx, unit, Rung.APPROVE)
            print(f"  one transaction, rung held{'':18} {(time.perf_counter() - began) / 200 * 1e3:9.2f} ms")
            await drop(ladder, database)
            keeping.cancel()
            await asyncio.gather(keeping, return_exceptions=True)


async def drop(ladder: Ladder, database: object) -> None:
    """Time the switch over 1,000 units, until another process's memory has heard of it."""
    from pilothouse.kernel import Principal
    from pilothouse.storage import Database

    assert isinstance(database, Database)
    await database.execute(
        "insert into ladder_unit (class, action, tier, site, version)"
        " select (select min(id) from ladder_class), 'many', 1, '', 'v' || i from generate_series(1, 1000) i"
    )
    await database.execute(
        "insert into ladder_test (unit, number, rung, alpha, eps, detector)"
        " select id, 0, 2, 0, 0.05, '{0,0,0}' from ladder_unit where action = 'many'"
    )
    other = Ladder(database, Inbox(database), policy=ladder.policy)
    keeping = asyncio.create_task(other.keep_fresh())
    unit = Unit(action="many", tier=1, version="v500")
    while not other.fresh:  # noqa: ASYNC110
        await asyncio.sleep(0.01)
    assert not (await other.standing(unit)).dropped
    owner = Principal(id="owner", rights=frozenset({"*"}))
    began = time.perf_counter()
    await ladder.drop_all(by=owner, reason="bench")
    gone = time.perf_counter() - began
    while not (await other.standing(unit)).dropped:  # noqa: ASYNC110
        await asyncio.sleep(0.001)
    heard = time.perf_counter() - began
    print(f"  the switch, 1,000 units: committed after {gone * 1e3:.0f} ms, heard after {heard * 1e3:.0f} ms")
    keeping.cancel()
    await asyncio.gather(keeping, return_exceptions=True)


if __name__ == "__main__":
    main()
