"""What leaves passes the door: label, right, contract, switch; and has its entry in the log."""

from __future__ import annotations

import asyncio
import random
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from pilothouse.app.models import TOOL, DoorEgress, ModelRecipients, switch_egress
from pilothouse.decisions import Inbox
from pilothouse.effects import Door
from pilothouse.effects.testing import FakePeople
from pilothouse.kernel import DeniedError, PilothouseError, Principal
from pilothouse.labels import Integrity, Label, unknown
from pilothouse.models import (
    Gateway,
    ModelDeniedError,
    OpenAIBackend,
    PostgresKeeper,
    Provider,
    Redactor,
    Route,
)
from pilothouse.models.keeping.bodies import unpacked
from pilothouse.models.testing import Reply, asking, provider_of, scripted_server
from pilothouse.storage import Database

pytestmark = pytest.mark.anyio
IBAN = "DE89370400440532013000"
ADMIN = Principal(id="admin", rights=frozenset({"effects:halt"}))


def labelled(*readers: str, integrity: Integrity = Integrity.UNTRUSTED) -> Label:
    return Label(readers=frozenset(readers), integrity=integrity, origin=unknown("x").origin)


def gate(
    database: Database, *providers: Provider, redactors: tuple[Redactor, ...] = (), **route: Any
) -> tuple[Gateway, Door]:
    recipients = ModelRecipients(FakePeople(), providers)
    door = Door(database, Inbox(database), directory=recipients)
    gateway = Gateway(
        [OpenAIBackend(one) for one in providers],
        [Route(task="chat", use=tuple(one.name for one in providers), **route)],
        keeper=PostgresKeeper(database),
        egress=DoorEgress(door, recipients),
        redactors=redactors,
    )
    return gateway, door


async def test_a_prompt_leaves_only_to_whom_its_label_allows_and_every_leaving_is_audited(
    database: Database,
) -> None:
    async with scripted_server("far") as cloud:
        provider = provider_of(cloud, "cloud", leaves=True, reads=("acl:desk", "group:*"), region="eu")
        gateway, _ = gate(database, provider)
        answer = await gateway.chat(asking(label=labelled("acl:desk", "group:any")))
        assert answer.text == "far"
        assert answer.label.integrity is Integrity.UNTRUSTED
        with pytest.raises(ModelDeniedError, match="label"):
            await gateway.chat(asking(label=labelled("acl:salaries")))
        assert len(cloud.requests) == 1
        await gateway.close()
    row = await database.fetch_one("select effect, local from models_call where outcome = 'ok'")
    assert row == {"effect": f"{TOOL}:{answer.call}", "local": False}
    entries = await database.fetch_all(
        "select kind from audit_entry where effect = %(e)s", {"e": row["effect"]}
    )
    assert [one["kind"] for one in entries] == ["effects.intent", "effects.done"]
    effect = await database.fetch_one(
        "select args from effects_effect where effect_id = %(e)s", {"e": row["effect"]}
    )
    assert effect is not None
    assert "Hello" not in str(effect["args"]), "the prompt itself is not copied"


async def test_random_labels_and_readers_never_let_a_byte_out_against_the_label(database: Database) -> None:
    lot = random.Random(7)
    acls = [f"acl:{n}" for n in range(4)]
    async with scripted_server("far") as cloud, scripted_server("near") as near:
        for _ in range(60):
            reads = tuple(lot.sample(acls, lot.randrange(4)))
            readers = frozenset(lot.sample(acls, lot.randrange(4)))
            order = [provider_of(cloud, "cloud", leaves=True, reads=reads)]
            if lot.random() < 0.5:
                order.append(provider_of(near, "near"))
            gateway, _ = gate(database, *order)
            before = len(cloud.requests)
            try:
                await gateway.chat(asking(label=labelled(*readers)))
            except PilothouseError as error:
                assert error.code == "models.denied"
            assert (len(cloud.requests) > before) == (readers <= set(reads))
            await gateway.close()


async def test_no_right_no_egress_no_contract(database: Database) -> None:
    yesterday = (datetime.now(UTC) - timedelta(days=2)).date()
    async with scripted_server("far") as cloud:
        provider = provider_of(cloud, "cloud", leaves=True)
        gateway, _ = gate(database, provider)
        with pytest.raises(DeniedError) as caught:
            await gateway.chat(replace(asking(label=labelled()), principal=Principal(id="nobody")))
        assert caught.value.code == "policy.denied"
        await gateway.close()
        gateway, _ = gate(database, replace(provider, expires=yesterday))
        with pytest.raises(ModelDeniedError, match="expired"):
            await gateway.chat(asking(label=labelled()))
        await gateway.close()
        alone = Gateway([OpenAIBackend(provider)], [Route(task="chat", use=("cloud",))])
        with pytest.raises(ModelDeniedError, match="outside"):
            await alone.chat(asking(label=labelled()))
        await alone.close()
        assert cloud.requests == []


async def test_going_offline_denies_and_cuts_at_once_and_the_local_model_goes_on(database: Database) -> None:
    async with scripted_server(lambda _: Reply(text="far " * 50, pace=0.05)) as cloud:
        gateway, door = gate(database, provider_of(cloud, "cloud", leaves=True))

        async def reading() -> list[Any]:
            return [one async for one in gateway.stream(asking(label=labelled()))]

        under_way = asyncio.create_task(reading())
        while cloud.written < 3:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
        await switch_egress(door, ADMIN, "drill", offline=True)
        assert gateway.go_offline("drill") == 1
        with pytest.raises(ModelDeniedError) as caught:
            await under_way
        assert caught.value.code == "models.offline"
        with pytest.raises(ModelDeniedError, match="offline"):
            await gateway.chat(asking(label=labelled()))
        # Even a gateway that was not told asks the door.
        gateway.go_online()
        with pytest.raises(DeniedError) as refused:
            await gateway.chat(asking(label=labelled()))
        assert refused.value.code == "effects.halted"
        assert len(cloud.requests) == 1
        await switch_egress(door, ADMIN, "over", offline=False)
        cloud.script = [Reply(text="far")]
        assert (await gateway.chat(asking(label=labelled()))).text == "far"
        await gateway.close()


async def test_offline_the_next_local_provider_answers(database: Database) -> None:
    async with scripted_server("far") as cloud, scripted_server("near") as near:
        gateway, _ = gate(database, provider_of(cloud, "cloud", leaves=True), provider_of(near, "near"))
        gateway.go_offline("drill")
        answer = await gateway.chat(asking(label=labelled()))
        assert (answer.text, answer.degraded) == ("near", "cloud: offline")
        await gateway.close()


async def test_a_registered_redactor_takes_out_and_puts_back(database: Database) -> None:
    pii = Redactor(name="pii", opens=("acl:pii",))
    async with scripted_server(lambda asked: Reply(text="Pay " + asked["messages"][0]["content"])) as cloud:
        provider = provider_of(cloud, "cloud", leaves=True)
        gateway, _ = gate(database, provider, redactors=(pii,), redact=("pii",))
        answer = await gateway.chat(asking(f"to {IBAN}", label=labelled("acl:pii")))
        assert answer.text == f"Pay to {IBAN}"
        assert answer.label.readers == {"acl:pii"}, "restored, it is as private as the prompt"
        assert IBAN not in str(cloud.requests)
        with pytest.raises(ModelDeniedError):
            await gateway.chat(asking(f"to {IBAN}", label=labelled("acl:pii", "acl:desk")))
        assert len(cloud.requests) == 1
        await gateway.close()
    bodies = await database.fetch_all("select body from models_body")
    sent = [unpacked(bytes(row["body"])).decode() for row in bodies]
    assert any("<IBAN_1>" in one for one in sent)


async def test_a_version_that_stands_at_shadow_sends_nothing(database: Database) -> None:
    from pilothouse.decisions import Rung
    from pilothouse.effects.testing import FakeLadder

    async with scripted_server("far") as cloud:
        provider = provider_of(cloud, "cloud", leaves=True)
        recipients = ModelRecipients(FakePeople(), (provider,))
        ladder = FakeLadder(rungs={"agent@1": Rung.SHADOW})
        door = Door(database, Inbox(database), directory=recipients, ladder=ladder)
        gateway = Gateway(
            [OpenAIBackend(provider)],
            [Route(task="chat", use=("cloud",))],
            egress=DoorEgress(door, recipients),
        )
        with pytest.raises(DeniedError) as caught:
            await gateway.chat(asking(label=labelled(), caller="agent@1"))
        assert caught.value.code == "models.shadowed"
        assert (await gateway.chat(asking(label=labelled(), caller="agent@2"))).text == "far"
        await gateway.close()
        assert len(cloud.requests) == 1
