"""Random histories: what the rows say is what a plain reference says that keeps lists and recounts them."""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from dataclasses import dataclass, field, replace

import pytest
from ladder_world import IDA, JON, QUICK, asked

from pilothouse.decisions import Inbox
from pilothouse.decisions.ladder import Ladder, LadderPolicy, Rung, Unit
from pilothouse.decisions.ladder.maths import detect, evidence, spent
from pilothouse.kernel import ConflictError
from pilothouse.storage import Database

EPS = 0.2
GENEROUS = replace(QUICK, alpha=0.5)
UNITS = [
    Unit(action="tag", tier=1, version="v1"),
    Unit(action="tag", tier=1, version="v2"),
    Unit(action="pay", tier=3, site="north", version="v1"),
]
CAP = {1: 4, 3: 3}
SHARE = {0: 1.0, 1: 1.0, 2: 1.0, 3: QUICK.sampled, 4: QUICK.autonomous}


@dataclass
class Trial:
    """One test: the rung of its cases, its number and budget, the verdicts in the order they counted."""

    rung: int
    number: int
    alpha: float
    order: list[str] = field(default_factory=list)
    promoted: bool = False
    asked: bool = False
    asked_n: int = 0


@dataclass
class Reference:
    """One unit, as plainly as can be."""

    unit: Unit
    weight: float
    numbers: list[int]
    rung: int = 2
    dropped: bool = False
    wrong: dict[str, bool] = field(default_factory=dict)
    home: dict[str, Trial] = field(default_factory=dict)
    trials: list[Trial] = field(default_factory=list)
    papers: dict[int, Trial] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.start()

    def start(self) -> None:
        number, alpha = 0, 0.0
        if 2 <= self.rung < 4:
            self.numbers[0] += 1
            number = self.numbers[0]
            alpha = spent(GENEROUS.alpha, self.weight, number)
        self.trials.append(Trial(self.rung, number, alpha))

    @property
    def now(self) -> Trial:
        return self.trials[-1]

    @property
    def in_force(self) -> int:
        return min(self.rung, 2 if self.dropped else CAP[self.unit.tier])

    def counts(self, trial: Trial) -> tuple[int, int]:
        return len(trial.order), sum(self.wrong[case] for case in trial.order)

    def proved(self, trial: Trial) -> bool:
        return trial.alpha > 0 and evidence(*self.counts(trial), EPS) >= 1 / trial.alpha

    @property
    def ready(self) -> bool:
        return 2 <= self.rung < CAP[self.unit.tier] and not self.dropped and self.proved(self.now)

    def move(self, to: int, *, promoted: bool = False) -> None:
        if promoted:
            self.now.promoted = True
            self.papers[to] = self.now
        self.rung = to
        self.start()

    def fall(self, to: int = 2) -> None:
        if self.rung > to:
            self.move(to)

    def label(self, case: str, wrong: bool, drawn: bool, critical: bool) -> None:
        known = case in self.wrong
        if known and (self.wrong[case] or not wrong):
            return
        self.wrong[case] = wrong
        trial = self.home.setdefault(case, self.now)
        if case in trial.order:
            self.look(trial)
        elif wrong or drawn:
            trial.order.append(case)
            self.look(trial)
        if critical and wrong:
            self.fall()

    def look(self, trial: Trial) -> None:
        if trial is self.now and self.rung > 2 and self.alarmed(trial):
            self.fall()
        elif trial.promoted:
            if self.rung > 2 and not self.proved(self.papers[self.rung]):
                self.fall()
        else:
            self.consider()

    def alarmed(self, trial: Trial) -> bool:
        return detect([self.wrong[case] for case in trial.order], eps=EPS, alarm=QUICK.alarm) is not None

    def consider(self) -> None:
        if not self.now.asked and len(self.now.order) >= 1.5 * self.now.asked_n and self.ready:
            self.now.asked, self.now.asked_n = True, len(self.now.order)


async def _same(ladder: Ladder, model: Reference) -> None:
    standing = await ladder.standing(model.unit)
    n, k = model.counts(model.now)
    needed = -math.log(model.now.alpha) if model.now.alpha else math.inf
    assert (int(standing.rung), int(standing.earned)) == (model.in_force, model.rung)
    assert (standing.n, standing.k) == (n, k)
    assert standing.needed == pytest.approx(needed)
    assert standing.log_e == pytest.approx(math.log(evidence(n, k, EPS)))
    assert standing.ready == model.ready


@pytest.mark.parametrize("seed", [1, 2])
async def test_random_histories(
    build: Callable[[LadderPolicy], Ladder], inbox: Inbox, database: Database, seed: int
) -> None:
    ladder = build(GENEROUS)
    dice = random.Random(seed)
    await database.execute("insert into ladder_key (key) values (%(key)s)", {"key": dice.randbytes(32)})
    await ladder.standing(UNITS[0])
    models = await _registered(ladder)
    for turn in range(240):
        model = models[dice.choice(UNITS)]
        act = dice.random()
        if act < 0.60:
            await _labelled(ladder, model, dice, f"c-{turn}")
        elif act < 0.64 and model.rung > 2:
            await _stormed(ladder, model, f"s-{turn}")
        elif act < 0.67 and model.rung <= 2:
            # Down and up again: counting starts anew.
            for to in dice.choice(((0,), (1, 2), (0, 1, 2))):
                if await ladder.choose(model.unit, Rung(to), by=IDA, reason="dice"):
                    model.move(to)
        elif act < 0.68:
            if await ladder.demote(model.unit, by=IDA, reason="dice"):
                model.fall()
        elif act < 0.71:
            await _switched(ladder, models)
        else:
            await _answered(inbox, models, dice)
        for each in models.values():
            await _same(ladder, each)
    rows = await database.fetch_all("select distinct why from ladder_move")
    assert {row["why"] for row in rows} >= {"ladder.alarm", "ladder.demoted", "ladder.promoted"}


async def _registered(ladder: Ladder) -> dict[Unit, Reference]:
    numbers = {"tag": [0], "pay": [0]}
    models: dict[Unit, Reference] = {}
    for place, unit in enumerate(UNITS):
        # Registered in this order, so the classes draw 1 and 2 from the reserve.
        assert await ladder.label(unit, "first", wrong=False, source="test")
        model = Reference(unit, spent(1.0, 1.0, 1 if place < 2 else 2), numbers[unit.action])
        model.label("first", False, True, False)
        models[unit] = model
    return models


async def _labelled(ladder: Ladder, model: Reference, dice: random.Random, new: str) -> None:
    """Twenty good ones in a row now and then, or nobody would ever climb."""
    old = dice.random() < 0.10
    many = 1 if old else dice.choice((1, 15))
    for number in range(many):
        case = dice.choice(list(model.wrong)) if old else f"{new}-{number}"
        wrong, critical = dice.random() < (0.3 if old else 0.005), dice.random() < 0.1
        drawn = ladder.drawn(case, SHARE[model.now.rung])
        await ladder.label(model.unit, case, wrong=wrong, source="test", critical=critical)
        model.label(case, wrong, drawn, critical)


async def _switched(ladder: Ladder, models: dict[Unit, Reference]) -> None:
    dropped = not models[UNITS[0]].dropped
    verb = ladder.drop_all if dropped else ladder.lift
    await verb(by=IDA, reason="dice")
    for each in models.values():
        each.dropped = dropped


async def _stormed(ladder: Ladder, model: Reference, new: str) -> None:
    for number in range(6):
        await ladder.label(model.unit, f"{new}-{number}", wrong=True, source="test")
        model.label(f"{new}-{number}", True, True, False)


async def _answered(inbox: Inbox, models: dict[Unit, Reference], dice: random.Random) -> None:
    for question in await asked(inbox):
        proposal = (await inbox.show(question, JON)).proposal
        model = models[proposal.args["unit"]]
        current = model.now.asked and proposal.args["test"] == model.now.number
        if dice.random() < 0.75:
            if current and model.ready:
                await inbox.approve(question, JON)
                model.move(model.rung + 1, promoted=True)
                continue
            with pytest.raises(ConflictError, match=r"ladder\.stale"):
                await inbox.approve(question, JON)
        await inbox.reject(question, JON, "dice")
        if current:
            model.now.asked = False
