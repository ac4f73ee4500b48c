"""The door over a real database: labels, rungs, people as they are today, endorsed flows, wider halts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from pilothouse.audit import Attached, Record, Tail, entries
from pilothouse.audit.devices import attach
from pilothouse.audit.settings import AuditSettings
from pilothouse.audit.testing import MemoryDevice
from pilothouse.decisions import Answer, Inbox, Ladder, Proposal, Quorum, Rung, Unit
from pilothouse.effects import (
    AskError,
    Chosen,
    Door,
    EffectCall,
    EffectRequest,
    EffectSpec,
    EffectsSettings,
    Recipient,
    VoidError,
    explain,
    sources_of,
)
from pilothouse.effects.testing import (
    AMIRA,
    BO,
    DESK,
    RUNNER,
    FakeLadder,
    FakePeople,
    FakeReceiver,
    FakeResumer,
    FakeSources,
    ask,
    marked,
    release_spec,
    request_for,
    soon,
    typed_by_hand,
)
from pilothouse.kernel import (
    ConflictError,
    DataError,
    DeniedError,
    Principal,
    UnavailableError,
    UsageError,
    new_id,
)
from pilothouse.labels import Condensed, Derived, Integrity, Label, join, signed
from pilothouse.storage import Database

MAILBOX = "acl:mailbox-7"
OWNER = Principal(id="owner.ida", rights=frozenset({"effects:endorse:*", "effects:halt"}))
MAIL = EffectSpec(
    tool="send",
    effect="egress",
    tier=2,
    steering=("to",),
    audience=Recipient(arg="to"),
    accepts=Integrity.RECORD,
)
BOOK = EffectSpec(tool="book", effect="write", tier=2, steering=("slot",), accepts=Integrity.RECORD)


class House:
    """A door with everything bound, and what stands behind it."""

    def __init__(self, database: Database, **settings: Any) -> None:
        self.database = database
        self.ladder = FakeLadder()
        self.people = FakePeople(people={one.id: one for one in (AMIRA, BO)})
        self.sources, self.receiver = FakeSources(values={"status": "CLEARED"}), FakeReceiver()
        self.inbox = Inbox(database, resumer=FakeResumer())
        self.door = Door(
            database,
            self.inbox,
            rereader=self.sources,
            principals=self.people,
            directory=self.people,
            ladder=self.ladder,
            settings=EffectsSettings(**{"patience": 0, "sweep_grace": 0, **settings}),
        )
        for spec in (MAIL, BOOK):
            self.door.register(spec, self.receiver)

    async def approved(self, spec: EffectSpec | None = None, **changes: Any) -> tuple[Proposal, Answer]:
        """Register, ask, and have clerk.amira say yes."""
        self.door.register(spec or release_spec(), self.receiver)
        proposal = await ask(self.database, self.inbox, **changes)
        return proposal, await self.inbox.approve(proposal.id, AMIRA, typed="4565")

    async def log(self, effect_id: str) -> list[str]:
        """Return the kinds logged about an effect."""
        return [item.entry.kind for item in await entries(self.database, effect=effect_id)]


@pytest.fixture
def house(database: Database) -> House:
    return House(database)


def call(tool: str, args: dict[str, Any], effect_id: str = "e:1", **changes: Any) -> EffectRequest:
    label = changes.pop("label", marked(Integrity.RECORD))
    request = EffectRequest(
        tool=tool,
        args=args,
        effect_id=effect_id,
        principal=RUNNER,
        labels=dict.fromkeys(args, label),
        pc=label,
        may_ask=True,
    )
    return replace(request, **changes)


def mailed(source: str = "mail", **labels: Label) -> dict[str, Label]:
    return {"slot": marked(Integrity.UNTRUSTED, source=source), **labels}


# -- labels


async def test_an_argument_without_a_label_is_refused_and_logged(house: House) -> None:
    with pytest.raises(UsageError, match="'slot' has no label") as caught:
        await house.door.perform(call("book", {"slot": "A"}, labels={}))
    assert caught.value.code == "labels.missing"
    assert await house.log("e:1") == ["effects.refused_at_door"]


async def test_the_log_keeps_no_address_that_a_refused_call_quoted(house: House) -> None:
    proposal, answer = await house.approved()
    request = request_for(proposal, answer)
    with pytest.raises(VoidError, match="eve@example"):
        await house.door.perform(replace(request, args={**request.args, "party": "eve@example.org"}))
    (entry,) = await entries(house.database, effect=request.effect_id)
    assert "eve@example" not in str(entry.entry.body)
    assert entry.entry.body["code"] == "decisions.void"


async def test_an_untrusted_value_asks_in_a_plan_and_is_denied_outside(house: House) -> None:
    asking = call("book", {"slot": "A"}, labels=mailed())
    with pytest.raises(AskError, match="needs a person's approval") as asked:
        await house.door.perform(asking)
    assert asked.value.code == "effects.needs_approval"
    assert asked.value.verdict.reasons == asked.value.reasons == ("sink.steering:slot",)
    assert await house.door.consider(asking) == asked.value.verdict
    with pytest.raises(DeniedError) as denied:
        await house.door.perform(replace(asking, may_ask=False))
    assert (denied.value.code, denied.value.reasons) == ("effects.denied", ("sink.steering:slot",))
    assert "'A'" not in str(denied.value)
    assert house.receiver.got == []
    assert await house.log("e:1") == ["effects.refused_at_door"] * 2


async def test_considering_stores_and_logs_nothing(house: House) -> None:
    assert (await house.door.consider(call("book", {"slot": "A"}))).allowed
    with pytest.raises(DeniedError, match="effects:book"):
        await house.door.consider(call("book", {"slot": "A"}, principal=AMIRA))
    assert await house.database.fetch_value("select count(*) from audit_entry") == 0


async def test_an_agent_needs_the_right_as_well_as_its_user(house: House) -> None:
    weak = Principal(id="mail-agent@3", kind="service")
    with pytest.raises(DeniedError, match="through agent 'mail-agent@3'"):
        await house.door.perform(call("book", {"slot": "A"}, principal=replace(RUNNER, agent=weak)))
    able = replace(weak, rights=frozenset({"effects:book"}))
    done = await house.door.perform(call("book", {"slot": "A"}, principal=replace(RUNNER, agent=able)))
    assert done.state == "done"
    effect = await house.door.show("e:1")
    assert effect.principal.agent == able
    with pytest.raises(ConflictError, match="take a new id"):
        await house.door.perform(call("book", {"slot": "A"}))


async def test_secrets_go_only_to_who_may_read_them(house: House) -> None:
    secret = marked(Integrity.RECORD, MAILBOX)
    to_ann = call("send", {"to": "ann", "text": "x"}, label=secret)
    with pytest.raises(AskError) as asked:
        await house.door.perform(to_ann)
    assert asked.value.reasons == (f"sink.secrecy:{MAILBOX}",)
    house.people.reads["ann"] = frozenset({MAILBOX})
    assert (await house.door.perform(to_ann)).state == "done"
    with pytest.raises(AskError):
        await house.door.perform(replace(to_ann, effect_id="e:2", args={"to": ["ann", "eve"], "text": "x"}))


async def test_labels_are_stored_and_read_back(house: House) -> None:
    label = join(marked(Integrity.RECORD, source="crm"), signed("flow", "1"))
    await house.door.perform(call("book", {"slot": "A"}, label=label, site="north", version="flow@1"))
    effect = await house.door.show("e:1")
    assert (effect.labels, effect.pc) == ({"slot": label}, label)
    assert (effect.site, effect.version, effect.rung, effect.opened) == ("north", "flow@1", 2, "declared")


# -- approvals: people as they are today


async def test_who_left_or_lost_the_right_has_approved_nothing(house: House) -> None:
    proposal, answer = await house.approved()
    request = request_for(proposal, answer)
    del house.people.people[AMIRA.id]
    with pytest.raises(VoidError, match=r"approver.clerk.amira: active -> \(absent\)"):
        await house.door.perform(request)
    house.people.people[AMIRA.id] = replace(AMIRA, kind="service")
    with pytest.raises(VoidError, match=r"active -> \(absent\)"):
        await house.door.perform(request)
    house.people.people[AMIRA.id] = replace(AMIRA, rights=frozenset(), groups=frozenset())
    with pytest.raises(VoidError, match="may 'decisions:release_container' -> may not"):
        await house.door.perform(request)
    house.people.people[AMIRA.id] = replace(AMIRA, rights=frozenset(), groups=frozenset({DESK}))
    assert (await house.door.perform(request)).state == "done"


async def test_an_approver_opens_only_what_they_may_read_themselves(house: House) -> None:
    proposal, answer = await house.approved()
    secret = marked(Integrity.UNTRUSTED, MAILBOX)
    request = request_for(proposal, answer, labels=dict.fromkeys(proposal.args, secret))
    with pytest.raises(VoidError, match="may 'acl:mailbox-7' -> may not"):
        await house.door.perform(request)
    house.people.people[AMIRA.id] = replace(AMIRA, rights=AMIRA.rights | {MAILBOX})
    assert (await house.door.perform(request)).state == "done"


async def test_nothing_is_opened_to_new_readers_where_nobody_tells_people(house: House) -> None:
    proposal, answer = await house.approved()
    blind = Door(house.database, house.inbox, rereader=house.sources)
    blind.register(release_spec(), house.receiver)
    secret = request_for(proposal, answer, pc=marked(Integrity.RECORD, MAILBOX))
    with pytest.raises(UsageError, match="bind Principals"):
        await blind.perform(secret)
    assert (await blind.perform(request_for(proposal, answer))).state == "done"


async def test_the_declared_quorum_rules_whatever_the_proposal_asked(house: House) -> None:
    strict = release_spec(quorum=Quorum(count=2))
    proposal, answer = await house.approved(strict)
    with pytest.raises(VoidError, match="1 of 2 people said yes"):
        await house.door.perform(request_for(proposal, answer))
    assert house.receiver.got == []


async def test_an_approval_asked_by_one_workflow_opens_nothing_to_another(house: House) -> None:
    proposal, answer = await house.approved()
    with pytest.raises(VoidError, match=r"workflow: 'release' -> 'other'|workflow: release -> other"):
        await house.door.perform(request_for(proposal, answer, workflow="other"))
    assert house.receiver.got == []


@pytest.mark.parametrize("bare", [{"labels": {"container": None}}, {"pc": None}, {"pc": {"readers": []}}])
async def test_what_is_no_label_is_a_missing_label(house: House, bare: dict[str, Any]) -> None:
    proposal, answer = await house.approved()
    request = request_for(proposal, answer)
    labels = {**request.labels, **bare.get("labels", {})}
    with pytest.raises(UsageError) as caught:
        await house.door.perform(replace(request, **{**bare, "labels": labels}))
    assert caught.value.code == "labels.missing"


async def test_separate_duties_must_have_been_asked_for(house: House) -> None:
    proposal, answer = await house.approved(release_spec(apart=("cancel_release",)))
    with pytest.raises(VoidError, match="apart"):
        await house.door.perform(request_for(proposal, answer))


async def test_a_seeded_proposal_opens_nothing_and_counts_as_an_attack(house: House) -> None:
    proposal, answer = await house.approved(kind="decision")
    await house.database.execute("alter table decisions_proposal disable trigger user")
    await house.database.execute(
        "update decisions_proposal set body = replace(body::text, '\"decision\"', '\"seeded\"')::json"
    )
    with pytest.raises(DeniedError, match=r"\[effects.forged\]"):
        await house.door.perform(request_for(proposal, answer))
    assert await house.log("run-1:3") == ["effects.attack"]


async def test_an_invented_approval_counts_as_an_attack(house: House) -> None:
    with pytest.raises(ConflictError, match="does not exist"):
        await house.door.perform(call("book", {"slot": "A"}, approval=new_id()))
    assert await house.log("e:1") == ["effects.attack"]


async def test_an_approval_is_not_a_persons_own_words(house: House) -> None:
    spec = replace(EffectSpec.undeclared("release_container"), steering=("container", "party"))
    proposal, answer = await house.approved(spec)
    with pytest.raises(DeniedError, match="only a person's own words") as denied:
        await house.door.perform(request_for(proposal, answer))
    assert denied.value.code == "effects.denied"
    own = request_for(proposal, answer, **typed_by_hand(proposal.args))
    assert (await house.door.perform(own)).state == "done"


# -- the ladder


async def test_below_approve_an_effect_is_recorded_and_does_not_happen(house: House) -> None:
    house.ladder.rungs = {"flow@1": Rung.SHADOW}
    shadow = call("book", {"slot": "A"}, labels=mailed(), version="flow@1")
    assert (await house.door.consider(shadow)).kind == "allow"
    outcome = await house.door.perform(shadow)
    assert (outcome.state, outcome.reasons) == ("shadowed", ("effects.rung:shadow", "sink.steering:slot"))
    assert await house.door.perform(shadow) == outcome
    assert house.receiver.got == []
    assert await house.log("e:1") == ["effects.shadowed"]
    assert "only recorded, not performed" in (await explain(house.database, effect_id="e:1")).sentence
    with pytest.raises(DataError, match="final"):
        await house.database.execute("update effects_effect set state = 'done', reasons = '{}'")


async def test_in_shadow_the_rules_still_deny_and_an_approval_stays_unused(house: House) -> None:
    proposal, answer = await house.approved()
    house.ladder.rungs = {"v": Rung.SUGGEST}
    request = request_for(proposal, answer, version="v")
    with pytest.raises(DeniedError, match=r"\[effects.denied\]"):
        await house.door.perform(replace(request, may_ask=False, effect_id="e:9"))
    assert (await house.door.perform(request)).state == "shadowed"
    house.ladder.rungs = {}
    assert (await house.door.perform(replace(request, effect_id="e:2"))).state == "done"


async def test_two_who_shadow_the_same_effect_record_it_once(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    house.ladder.rungs = {"v": Rung.SHADOW}
    shadow = call("book", {"slot": "A"}, version="v")
    first = await house.door.perform(shadow)

    async def nothing(effect_id: str) -> None:
        monkeypatch.undo()

    monkeypatch.setattr(house.door._ledger, "find", nothing)
    assert await house.door.perform(shadow) == first
    assert await house.log("e:1") == ["effects.shadowed"]


async def test_a_certified_version_acts_and_the_lot_asks_for_a_review(house: House) -> None:
    house.door.register(replace(MAIL, tool="notice", accepts=Integrity.APPROVED), house.receiver)
    house.ladder.lot = {"e:2"}
    args = {"to": "gate", "text": "late"}
    with pytest.raises(AskError) as asked:
        await house.door.perform(call("notice", args, version="v"))
    assert "effects.rung:approve" in asked.value.reasons
    house.ladder.rungs = {"v": Rung.SAMPLED}
    for effect_id, review in (("e:1", False), ("e:2", True)):
        assert (await house.door.perform(call("notice", args, effect_id, version="v"))).state == "done"
        effect = await house.door.show(effect_id)
        assert (effect.opened, effect.rung, effect.review) == ("certified", Rung.SAMPLED, review)
    assert house.ladder.reviews == {"e:2": "Was it right: notice was performed on gate?"}
    with pytest.raises(AskError, match=r"sink\.content:text"):
        untrusted = {"to": marked(Integrity.RECORD), "text": marked(Integrity.UNTRUSTED)}
        await house.door.perform(call("notice", args, "e:3", version="v", labels=untrusted))


async def test_an_effect_whose_review_cannot_be_asked_is_done_all_the_same(house: House) -> None:
    house.door.register(replace(MAIL, tool="notice", accepts=Integrity.APPROVED), house.receiver)
    house.ladder.lot, house.ladder.rungs, house.ladder.broken = {"e:1"}, {"v": Rung.SAMPLED}, True
    assert (await house.door.perform(call("notice", {"to": "gate"}, version="v"))).state == "done"
    assert await house.log("e:1") == ["effects.intent", "effects.done"]


async def test_an_effect_finished_where_no_ladder_is_bound_is_done_all_the_same(house: House) -> None:
    house.ladder.lot, house.ladder.rungs = {"e:1"}, {"v": Rung.SAMPLED}
    house.receiver.before = [RuntimeError("cut")]
    spec = replace(MAIL, tool="notice", accepts=Integrity.APPROVED, idempotent_by_effect_id=True)
    house.door.register(spec, house.receiver)
    with pytest.raises(Exception, match="unanswered"):
        await house.door.perform(call("notice", {"to": "gate"}, version="v"))
    bare = Door(house.database, house.inbox, settings=EffectsSettings(sweep_grace=0))
    bare.register(spec, house.receiver)
    assert [one.state for one in await bare.sweep()] == ["done"]
    assert house.ladder.reviews == {}


async def test_a_version_that_tries_what_labels_forbid_falls_at_once(house: House) -> None:
    house.ladder.rungs = {"v": Rung.AUTONOMOUS}
    outside = call("book", {"slot": "A"}, labels=mailed(), version="v", may_ask=False)
    with pytest.raises(DeniedError, match=r"\[effects.denied\]"):
        await house.door.perform(outside)
    reason = "effect 'e:1' was refused: sink.steering:slot"
    assert house.ladder.falls == [("v", "ladder.label_violation", reason)]
    with pytest.raises(DeniedError, match=r"\[effects.denied\]"):
        await house.door.perform(outside)
    assert len(house.ladder.falls) == 1
    with pytest.raises(DeniedError, match=r"\[effects.denied\]"):
        bare = Door(house.database, house.inbox)
        bare.register(BOOK, house.receiver)
        await bare.perform(outside)


async def test_the_real_ladder_is_what_the_door_expects(house: House) -> None:
    ladder = Ladder(house.database, house.inbox)
    door = Door(house.database, house.inbox, ladder=ladder)
    door.register(BOOK, house.receiver)
    unit = Unit(action="book", tier=2, version="v")
    owner = Principal(id="owner.ida", rights=frozenset({"ladder:change"}))
    assert (await door.perform(call("book", {"slot": "A"}, version="v"))).state == "done"
    await ladder.choose(unit, Rung.SHADOW, by=owner, reason="new model")
    assert (await door.perform(call("book", {"slot": "A"}, "e:2", version="v"))).state == "shadowed"
    await ladder.choose(unit, Rung.APPROVE, by=owner, reason="looks right")
    assert (await door.perform(call("book", {"slot": "A"}, "e:3", version="v"))).state == "done"
    await house.database.execute("update ladder_unit set rung = 3, certificate = '{}'")
    forced = call("book", {"slot": "A"}, "e:4", version="v", labels=mailed(), may_ask=False)
    with pytest.raises(DeniedError, match=r"\[effects.denied\]"):
        await door.perform(forced)
    assert (await ladder.standing(unit)).rung is Rung.APPROVE


async def test_what_the_real_lot_draws_is_asked_and_the_answer_is_a_label(house: House) -> None:
    ladder = Ladder(house.database, house.inbox)
    door = Door(house.database, house.inbox, ladder=ladder)
    door.register(BOOK, house.receiver)
    await door.perform(call("book", {"slot": "A"}, version="v"))
    owner = Principal(id="owner.ida", rights=frozenset({"ladder:change"}))
    unit = Unit(action="book", tier=2, version="v")
    await ladder.choose(unit, Rung.SUGGEST, by=owner, reason="registers it")
    await house.database.execute("update ladder_unit set rung = 3, certificate = '{}'")
    for n in range(300):
        await door.perform(call("book", {"slot": "A"}, f"lot:{n}", version="v"))
        if (await door.show(f"lot:{n}")).review:
            break
    reviewer = Principal(id="clerk.rena", rights=frozenset({"decisions:*"}))
    (item,) = (await house.inbox.list(reviewer)).items
    assert item.title == "Was it right: book was performed on A?"
    await house.inbox.reject(item.id, reviewer, "the slot was taken")
    wrong = await house.database.fetch_all("select wrong from ladder_label")
    assert [row["wrong"] for row in wrong] == [True]


async def test_a_decision_belongs_to_the_version_that_asked(house: House) -> None:
    proposal, _ = await house.approved()
    assert house.door.unit_of(proposal) == Unit(action="release_container", tier=4, version="release@7")
    for other in ({"tool": None}, {"tool": "other"}, {"kind": "seeded"}, {"workflow": ""}):
        assert house.door.unit_of(replace(proposal, **other)) is None


async def test_a_version_demoted_while_the_door_looked_asks(house: House) -> None:
    house.door.register(replace(MAIL, tool="notice", accepts=Integrity.APPROVED), house.receiver)
    house.ladder.remembered = {"v": Rung.AUTONOMOUS}
    request = call("notice", {"to": "gate"}, version="v")
    with pytest.raises(AskError):
        await house.door.perform(request)
    assert (await house.door.perform(call("book", {"slot": "A"}, "e:2", version="v"))).state == "done"
    house.ladder.rungs = {"v": Rung.SHADOW}
    with pytest.raises(DeniedError, match=r"\[ladder.below\]"):
        await house.door.perform(call("book", {"slot": "A"}, "e:3", version="v"))
    house.ladder.remembered = {"v": Rung.APPROVE}
    with pytest.raises(DeniedError, match=r"\[ladder.below\]"):
        await house.door.perform(call("book", {"slot": "A"}, "e:4", version="v"))
    assert list(house.receiver.done) == ["e:2"]


async def test_a_review_is_not_asked_by_who_came_too_late(house: House) -> None:
    spec = replace(MAIL, tool="notice", accepts=Integrity.APPROVED)
    house.ladder.lot, house.ladder.rungs = {"e:1"}, {"v": Rung.SAMPLED}

    async def slow(sent: EffectCall) -> str:
        await house.database.execute("update effects_effect set holder = gen_random_uuid()")
        return "sent"

    house.door.register(spec, slow)
    with pytest.raises(UnavailableError, match="being finished by another"):
        await house.door.perform(call("notice", {"to": "gate"}, version="v"))
    assert house.ladder.reviews == {}
    assert await house.log("e:1") == ["effects.intent", "effects.late"]


# -- the second device of the log


class Flaky(MemoryDevice):
    """A second device that takes so many requests and then no more."""

    def __init__(self, requests: int) -> None:
        super().__init__()
        self.requests = requests

    def append(self, records: Sequence[Record]) -> None:
        self._count()
        super().append(records)

    def tail(self) -> Tail:
        self._count()
        return super().tail()

    def _count(self) -> None:
        if self.requests <= 0:
            raise OSError(28, "No space left on device")
        self.requests -= 1


@pytest.mark.parametrize(("requests", "kinds"), [(0, []), (1, ["effects.intent"])])
async def test_nothing_goes_out_while_the_log_is_not_held_firmly_enough(
    house: House, requests: int, kinds: list[str]
) -> None:
    device = Flaky(requests)
    attach(house.database, Attached(settings=AuditSettings(file_tier=2), device=device))
    with pytest.raises(UnavailableError, match=r"\[audit.device\]"):
        await house.door.perform(call("book", {"slot": "A"}))
    assert house.receiver.got == []
    assert await house.log("e:1") == kinds
    house.door.register(replace(BOOK, tool="tag", tier=1), house.receiver)
    assert (await house.door.perform(call("tag", {"slot": "A"}, "e:2"))).state == "done"
    device.requests = 1000
    outcome = await house.door.perform(call("book", {"slot": "A"}))
    # Nobody knows any more that the intent was never sent: a person is asked.
    assert outcome.state == ("unknown" if kinds else "done")


# -- endorsed flows


async def grant(house: House, **changes: Any) -> Any:
    values: dict[str, Any] = {
        "workflow": "desk",
        "version": "1",
        "source": "mail",
        "tool": "send",
        "arg": "text",
        "treatment": "as_content",
        "expiry": await soon(house.database, 3600),
        "reason": "customers quote us",
    }
    return await house.door.endorsements.grant(OWNER, **{**values, **changes})


def quoting(effect_id: str = "e:1", **changes: Any) -> EffectRequest:
    labels = {"to": marked(Integrity.RECORD), "text": marked(Integrity.UNTRUSTED, source="mail")}
    args = {"to": "ann", "text": "see https://evil.example/?d=1"}
    return replace(
        call("send", args, effect_id, labels=labels, workflow="desk", workflow_version="1"), **changes
    )


async def test_an_endorsed_flow_passes_treated_as_content(house: House) -> None:
    with pytest.raises(AskError):
        await house.door.perform(quoting())
    await grant(house)
    assert (await house.door.consider(quoting())).allowed
    assert (await house.door.perform(quoting())).state == "done"
    assert house.receiver.got[0].args == {"to": "ann", "text": "> see ‹link›\n(mail)"}
    effect = await house.door.show("e:1")
    assert (effect.opened, effect.args) == ("endorsed", house.receiver.got[0].args)
    assert (await house.door.perform(quoting())).state == "done"
    assert "an endorsed flow allows" in (await explain(house.database, effect_id="e:1")).sentence


async def test_what_was_treated_goes_out_again_treated(house: House) -> None:
    await grant(house)
    house.door.register(MAIL, house.receiver)
    safe = Door(house.database, house.inbox, settings=EffectsSettings(patience=0, sweep_grace=0, attempts=5))
    safe.register(replace(MAIL, idempotent_by_effect_id=True), house.receiver)
    house.receiver.before = [RuntimeError("cut")]
    with pytest.raises(Exception, match="unanswered"):
        await safe.perform(quoting())
    assert (await safe.perform(quoting())).state == "done"
    assert [one.args["text"] for one in house.receiver.got] == ["> see ‹link›\n(mail)"] * 2


@pytest.mark.parametrize(
    "changes",
    [
        {"workflow": "other"},
        {"workflow": ""},
        {"workflow_version": "2"},
        {"workflow_version": ""},
        {"labels": {"to": marked(Integrity.RECORD), "text": marked(Integrity.UNTRUSTED, source="web")}},
        {
            "labels": {
                "to": marked(Integrity.RECORD),
                "text": join(
                    marked(Integrity.UNTRUSTED, source="mail"), marked(Integrity.UNTRUSTED, source="web")
                ),
            }
        },
        {"args": {"to": "ann", "text": {"any": "thing"}}},
        {"pc": marked(Integrity.UNTRUSTED, source="mail")},
        {"pc": marked(Integrity.RECORD, MAILBOX)},
    ],
)
async def test_an_endorsement_is_for_this_flow_only(house: House, changes: dict[str, Any]) -> None:
    await grant(house)
    with pytest.raises(AskError):
        await house.door.perform(quoting(**changes))
    assert house.receiver.got == []


async def test_an_endorsement_dies_with_the_tools_version_its_expiry_and_its_revocation(house: House) -> None:
    given = await grant(house)
    assert await house.door.endorsements.list(workflow="desk") == (given,)
    newer = Door(house.database, house.inbox)
    newer.register(replace(MAIL, version="2"), house.receiver)
    with pytest.raises(AskError):
        await newer.perform(quoting())
    revoked = await house.door.endorsements.revoke(given.id, OWNER, "no more")
    assert revoked.revoked_by == OWNER.id
    assert await house.door.endorsements.revoke(given.id, OWNER, "again") == revoked
    with pytest.raises(AskError):
        await house.door.perform(quoting())
    assert await house.door.endorsements.list() == ()
    assert await house.door.endorsements.list(live=False) == (revoked,)
    short = await grant(house, expiry=await soon(house.database, 0.05))
    await house.database.execute("select pg_sleep(0.06)")
    with pytest.raises(AskError):
        await house.door.perform(quoting())
    longer = await grant(house)
    assert await house.door.endorsements.list() == (longer,)
    assert short.id != longer.id
    counted = "select count(*) from audit_entry where kind = %(kind)s"
    assert await house.database.fetch_value(counted, {"kind": "effects.endorsed"}) == 3
    assert await house.database.fetch_value(counted, {"kind": "effects.endorsement_revoked"}) == 1


async def test_one_field_of_a_source_and_what_a_person_signed_may_be_endorsed_together(house: House) -> None:
    await grant(house, source="mail.words")
    label = join(marked(Integrity.UNTRUSTED, source="mail"), signed("flow", "1"))
    labels = {"to": marked(Integrity.RECORD), "text": label}
    assert (await house.door.perform(quoting(labels=labels))).state == "done"


async def test_a_choice_from_a_short_closed_list_may_steer_small_effects(house: House) -> None:
    for arg in ("slot", "pc"):
        await grant(house, tool="book", arg=arg, treatment="choice<=16")
    records = marked(Integrity.RECORD, source="crm")
    flow = {
        "workflow": "desk",
        "workflow_version": "1",
        "labels": mailed(),
        "pc": marked(Integrity.UNTRUSTED, source="mail"),
    }
    chosen = Chosen(options=("A", "B"), label=records)
    done = call("book", {"slot": "A"}, choices={"slot": chosen}, **flow)
    assert (await house.door.perform(done)).state == "done"
    assert house.receiver.got[0].args == {"slot": "A"}
    for wrong in (
        {},
        {"slot": replace(chosen, options=("B",))},
        {"slot": replace(chosen, options=tuple("ABCDEFGHIJKLMNOPQ"))},
        {"slot": replace(chosen, label=marked(Integrity.UNTRUSTED))},
    ):
        with pytest.raises(AskError) as asked:
            await house.door.perform(call("book", {"slot": "A"}, "e:2", choices=wrong, **flow))
        assert asked.value.reasons == ("sink.steering:slot",)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"arg": "to"}, "content may never do"),
        ({"arg": "pc"}, "content may never do"),
        ({"tool": "release_container", "arg": "container", "treatment": "choice<=16"}, "tier 4"),
        ({"workflow": ""}, "needs workflow"),
        ({"source": ""}, "needs workflow"),
        ({"reason": " "}, "say why"),
        ({"tool": "nothing"}, "not declared"),
    ],
)
async def test_what_can_never_be_endorsed(house: House, changes: dict[str, Any], words: str) -> None:
    house.door.register(release_spec(), house.receiver)
    with pytest.raises(UsageError, match=words):
        await grant(house, **changes)


async def test_only_a_person_with_the_right_endorses_and_never_into_the_past(house: House) -> None:
    endorse = house.door.endorsements
    given = await grant(house)
    with pytest.raises(UsageError, match="has passed"):
        await grant(house, expiry=await soon(house.database, -1))
    with pytest.raises(UsageError, match="time zone"):
        await grant(house, expiry=(await soon(house.database, 60)).replace(tzinfo=None))
    with pytest.raises(DeniedError, match="effects:endorse:send"):
        await endorse.revoke(given.id, AMIRA, "x")
    for machine in (replace(OWNER, kind="service"), replace(OWNER, agent=replace(OWNER, id="agent"))):
        with pytest.raises(DeniedError, match="only a person may endorse"):
            await endorse.revoke(given.id, machine, "x")
    with pytest.raises(UsageError, match="no endorsement"):
        await endorse.revoke(new_id(), OWNER, "x")
    for statement in (
        "update effects_endorsement set source = 'web'",
        "update effects_endorsement set expires_at = now() + interval '9 years'",
        "delete from effects_endorsement",
        "truncate effects_endorsement",
    ):
        with pytest.raises(DataError, match="kept as granted"):
            await house.database.execute(statement)  # type: ignore[arg-type]


async def test_a_source_of_nothing_known_is_covered_by_no_endorsement(house: House) -> None:
    await grant(house)
    labels = {
        "text": Label(
            readers=frozenset(),
            integrity=Integrity.UNTRUSTED,
            origin=join(marked(Integrity.UNTRUSTED), marked(Integrity.UNTRUSTED, source="mail")).origin,
        )
    }
    assert await house.door.endorsements.endorsed("desk", "1", "send", labels) == {}
    assert await house.door.endorsements.endorsed("desk", "1", "send", {}) == {}


async def test_many_leaves_stored_as_one_are_covered_by_all_their_sources(house: House) -> None:
    await grant(house)
    many = Condensed(count=1000, digest="0" * 64, sources=("mail", "signed"))
    for sources, covered in ((("mail", "signed"), True), (("mail", "web"), False), ((), False)):
        origin = Derived(sources=(replace(many, sources=sources),))
        label = Label(readers=frozenset(), integrity=Integrity.UNTRUSTED, origin=origin)
        found = await house.door.endorsements.endorsed("desk", "1", "send", {"text": label})
        assert found == ({"text": frozenset({"as_content"})} if covered else {})
        assert sources_of(label) == set(sources)


# -- halts by site and agent


@pytest.mark.parametrize("scope", ["site:north", "agent:flow@1", "agent:mail-agent@3", "book", "*"])
async def test_each_scope_stops_what_is_in_it(house: House, scope: str) -> None:
    agent = Principal(id="mail-agent@3", kind="service", rights=frozenset({"*"}))
    within = call(
        "book", {"slot": "A"}, site="north", version="flow@1", principal=replace(RUNNER, agent=agent)
    )
    outside = call("send", {"to": "ann"}, "e:2", site="south", version="flow@2")
    await house.door.halt(OWNER, "drill", scope=scope)
    with pytest.raises(DeniedError, match="halted"):
        await house.door.perform(within)
    if scope != "*":
        assert (await house.door.perform(outside)).state == "done"
    await house.door.lift(OWNER, "over", scope=scope)
    assert (await house.door.perform(within)).state == "done"


async def test_a_halt_of_a_site_lists_what_is_in_flight_there_and_keeps_it_from_being_resent(
    house: House,
) -> None:
    house.door.register(replace(BOOK, tool="slow", idempotent_by_effect_id=True), house.receiver)
    house.receiver.before = [RuntimeError("cut")]
    request = call("slow", {"slot": "A"}, site="north")
    with pytest.raises(Exception, match="unanswered"):
        await house.door.perform(request)
    assert await house.door.halt(OWNER, "drill", scope="site:south") == ()
    assert await house.door.halt(OWNER, "drill", scope="site:north") == ("e:1",)
    with pytest.raises(DeniedError, match="halted"):
        await house.door.perform(request)
    assert await house.door.sweep() == ()
    await house.door.lift(OWNER, "over", scope="site:north")
    assert (await house.door.perform(request)).state == "done"
