"""At a listener outside: no byte without its committed intent and audit entry, and none when refused."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from pilothouse.decisions import Inbox, Rung
from pilothouse.effects import Door, EffectCall, EffectRequest, EffectSpec
from pilothouse.effects.testing import RUNNER, FakeLadder, marked
from pilothouse.kernel import PilothouseError, Principal
from pilothouse.labels import Integrity
from pilothouse.storage import Database

POST = EffectSpec(tool="post", effect="egress", tier=2, steering=("to",), accepts=Integrity.RECORD)
GUARD = Principal(id="guard.io", rights=frozenset({"effects:halt"}))


@dataclass
class Outside:
    """A listener on a real socket that looks, at each arrival, what the house has committed by then."""

    database: Database
    port: int = 0
    arrived: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        got = json.loads(await reader.readline())
        found = await self.database.fetch_one(
            "select e.state, e.opened, count(a.id) as logged from effects_effect e "
            "left join audit_entry a on a.effect = e.effect_id and a.kind = 'effects.intent' "
            "where e.effect_id = %(id)s group by 1, 2",
            {"id": got["effect_id"]},
        )
        self.arrived.append({**got, "committed": found})
        writer.write(b"ok\n")
        await writer.drain()
        writer.close()

    @asynccontextmanager
    async def open(self) -> AsyncIterator[Outside]:
        async with await asyncio.start_server(self._serve, "127.0.0.1", 0) as server:
            self.port = server.sockets[0].getsockname()[1]
            yield self

    async def handler(self, call: EffectCall) -> str:
        """The tool: dials out."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        writer.write(json.dumps({"effect_id": call.effect_id, **call.args}).encode() + b"\n")
        await writer.drain()
        answer = (await reader.readline()).decode().strip()
        writer.close()
        await writer.wait_closed()
        return answer


def request(effect_id: str, **changes: Any) -> EffectRequest:
    args = {"to": "gate", "text": "late"}
    label = marked(Integrity.RECORD)
    made = EffectRequest(
        tool="post", args=args, effect_id=effect_id, principal=RUNNER, labels=dict.fromkeys(args, label),
        pc=label, may_ask=True,
    )  # fmt: skip
    return replace(made, **changes)


LOW, SECRET = marked(Integrity.UNTRUSTED), marked(Integrity.RECORD, "acl:mailbox-7")
REFUSED: dict[str, dict[str, Any]] = {
    "no right": {"principal": Principal(id="stranger")},
    "agent without the right": {"principal": replace(RUNNER, agent=Principal(id="agent@1"))},
    "no label": {"labels": {"to": LOW}},
    "untrusted choice": {"pc": LOW},
    "untrusted outside a plan": {"pc": LOW, "may_ask": False},
    "untrusted recipient": {"labels": {"to": LOW, "text": marked(Integrity.RECORD)}},
    "untrusted content": {"labels": {"to": marked(Integrity.RECORD), "text": LOW}},
    "secret content": {"labels": {"to": marked(Integrity.RECORD), "text": SECRET}},
    "secret choice": {"pc": SECRET},
    "not declared": {"tool": "other"},
    "only a shadow": {"version": "shadow"},
    "only a suggestion": {"version": "suggest"},
}


@pytest.fixture
async def outside(database: Database) -> AsyncIterator[Outside]:
    async with Outside(database).open() as listener:
        yield listener


@pytest.fixture
def door(database: Database, outside: Outside) -> Door:
    ladder = FakeLadder(rungs={"shadow": Rung.SHADOW, "suggest": Rung.SUGGEST})
    made = Door(database, Inbox(database), ladder=ladder)
    made.register(POST, outside.handler)
    return made


async def test_no_byte_leaves_without_its_intent_and_its_entry(door: Door, outside: Outside) -> None:
    assert (await door.perform(request("e:1"))).result == "ok"
    (arrival,) = outside.arrived
    assert arrival["committed"] == {"state": "intent", "opened": "declared", "logged": 1}


@pytest.mark.parametrize("why", REFUSED)
async def test_no_byte_leaves_when_the_door_says_no(door: Door, outside: Outside, why: str) -> None:
    try:
        outcome = await door.perform(request("e:1", **REFUSED[why]))
    except PilothouseError:
        pass
    else:
        assert outcome.state == "shadowed"
    assert outside.arrived == []
    assert await outside.database.fetch_value("select count(*) from audit_entry where effect = 'e:1'") == 1


async def test_no_byte_leaves_while_halted(door: Door, outside: Outside) -> None:
    await door.halt(GUARD, "drill")
    with pytest.raises(PilothouseError, match="halted"):
        await door.perform(request("e:1"))
    assert outside.arrived == []


async def test_an_outcome_that_the_log_does_not_take_is_not_stored_either(
    door: Door, outside: Outside
) -> None:
    await outside.database.execute(
        "create function no_outcome() returns trigger language plpgsql as "
        "$$begin if new.kind = 'effects.done' then raise exception 'disk full'; end if; return new; end$$"
    )
    await outside.database.execute(
        "create trigger no_outcome before insert on audit_entry for each row execute function no_outcome()"
    )
    with pytest.raises(PilothouseError):
        await door.perform(request("e:1"))
    assert len(outside.arrived) == 1
    assert (await door.show("e:1")).state == "intent"


async def test_no_byte_leaves_when_the_log_does_not_take_the_entry(door: Door, outside: Outside) -> None:
    await outside.database.execute(
        "create function disk_full() returns trigger language plpgsql as "
        "$$begin raise exception 'disk full'; end$$"
    )
    await outside.database.execute(
        "create trigger disk_full before insert on audit_entry for each row execute function disk_full()"
    )
    with pytest.raises(PilothouseError):
        await door.perform(request("e:1"))
    assert outside.arrived == []
    assert await outside.database.fetch_value("select count(*) from effects_effect") == 0
