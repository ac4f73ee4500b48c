"""What leaves against its label: nothing; counted in bytes by a listener at an address of the network.

Run: python bench/gateway_privacy.py [calls] [seed]

Random labels, routes and providers go through a gateway with the real door, over PostgreSQL. Half of the
providers stand at an address of this machine that is not the loopback, so for the gateway they are outside;
the listener there counts every connection and every byte. A judge of a few lines, which knows nothing of the
gateway, says for each call whether any of the outside providers it names may read it. Then egress is switched
off, and the listener must see no connection at all.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import socket
import sys
import time
from collections import Counter
from dataclasses import dataclass, replace
from typing import Any

from pilothouse.app.models import DoorEgress, ModelRecipients, switch_egress
from pilothouse.decisions import Inbox
from pilothouse.effects import Door
from pilothouse.effects.testing import FakePeople
from pilothouse.kernel import PilothouseError, Principal
from pilothouse.labels import Integrity, Label, unknown
from pilothouse.models import Gateway, ModelsSettings, OpenAIBackend, PostgresKeeper, Provider, Route
from pilothouse.models.testing import asking, provider_of, scripted_server
from pilothouse.storage import Database
from pilothouse.storage.testing import fresh_database, shared_server

ACLS = [f"acl:{n}" for n in range(5)] + ["group:desk", "group:night"]
READS = [*ACLS, "acl:*", "group:*"]
ROUTES = 60
LOT = random.Random(int(sys.argv[2]) if len(sys.argv) > 2 else 20261122)
ADMIN = Principal(id="admin", rights=frozenset({"effects:halt"}))
QUICK = ModelsSettings(rounds=1, patience=0)


@dataclass
class Listener:
    """Stands before a model server, at an address of the network, and counts what comes."""

    to: int
    connections: int = 0
    bytes: int = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        there, here = await asyncio.open_connection("127.0.0.1", self.to)
        try:
            with contextlib.suppress(ConnectionError):
                await asyncio.gather(self._out(reader, here), _pumped(there, writer))
        finally:
            writer.close()
            here.close()

    async def _out(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while more := await reader.read(65536):
            self.bytes += len(more)
            writer.write(more)
        writer.close()


async def _pumped(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while more := await reader.read(65536):
        writer.write(more)
    writer.close()


def address() -> str:
    """Return an address of this machine that is not the loopback; nothing is sent to find it."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.connect(("198.51.100.1", 9))
        found = str(probe.getsockname()[0])
    assert not found.startswith("127."), "this machine has only the loopback"
    return found


def providers(near: Any, url: str) -> tuple[Provider, ...]:
    inside = [provider_of(near, f"near{n}") for n in range(2)]
    outside = [
        Provider(
            name=f"far{n}",
            model="scripted",
            url=url,
            internal=True,
            reads=tuple(LOT.sample(READS, LOT.randrange(5))),
        )
        for n in range(12)
    ]
    return (*inside, *outside)


def routes(known: tuple[Provider, ...]) -> list[Route]:
    far, near = [one.name for one in known if one.reads or one.internal], [known[0].name, known[1].name]
    found: list[Route] = []
    for n in range(ROUTES):
        use = LOT.sample(far, LOT.randrange(1, 4)) + LOT.sample(near, LOT.randrange(2))
        LOT.shuffle(use)
        readers = None if LOT.random() < 0.7 else frozenset(LOT.sample(ACLS, 4))
        found.append(Route(task=f"t{n}", use=tuple(use), readers=readers))
    return found


def label() -> Label:
    readers = frozenset(LOT.sample(ACLS, LOT.choice([0, 1, 1, 2, 2, 3, 4])))
    return Label(readers=readers, integrity=LOT.choice(list(Integrity)), origin=unknown("x").origin)


def may_leave(label: Label, route: Route, known: dict[str, Provider]) -> bool:
    """The judge: whether some outside provider of the route satisfies every reader of the label."""
    outside = [known[name] for name in route.use if known[name].internal]
    return any(
        all(
            any(acl == have or (have.endswith("*") and acl.startswith(have[:-1])) for have in one.reads)
            for acl in label.readers
        )
        for one in outside
    )


async def phase(gateway: Gateway, listener: Listener, server: Any, calls: int, *, offline: bool) -> bool:
    known, tasks = dict(gateway.providers), list(gateway.routes.values())
    counts: Counter[str] = Counter()
    connections, began = listener.connections, time.monotonic()
    against = 0
    for n in range(calls):
        route, chosen = LOT.choice(tasks), label()
        before = listener.bytes
        request = replace(asking(f"secret {n}", label=chosen), task=route.task)
        try:
            answer = await gateway.chat(request)
            counts["outside" if answer.provider.startswith("far") else "here"] += 1
        except PilothouseError as error:
            counts[error.code] += 1
        out = listener.bytes - before
        if out and (offline or not may_leave(chosen, route, known)):
            against += out
        counts["may leave by the judge"] += may_leave(chosen, route, known)
        counts["bytes out"] += out
        server.requests.clear()
        server.headers.clear()
    print(f"{'offline' if offline else 'online'}: {calls} calls in {time.monotonic() - began:.0f} s")
    print("  " + ", ".join(f"{name} {count:,}" for name, count in sorted(counts.items())))
    print(f"  connections {listener.connections - connections:,}, bytes against a label {against:,}")
    if offline:
        return against == 0 and listener.connections == connections
    return against == 0 and counts["outside"] > 0 and counts["models.denied"] > 0


async def whole(database: Database, calls: int) -> bool:
    async with scripted_server("far") as far, scripted_server("near") as near:
        listener, where = Listener(to=far.port), address()
        server = await asyncio.start_server(listener.serve, where, 0)
        url = f"http://{where}:{server.sockets[0].getsockname()[1]}/v1"
        known = providers(near, url)
        recipients = ModelRecipients(FakePeople(), known)
        door = Door(database, Inbox(database), directory=recipients)
        gateway = Gateway(
            [OpenAIBackend(one) for one in known],
            routes(known),
            keeper=PostgresKeeper(database),
            egress=DoorEgress(door, recipients),
            settings=QUICK,
        )
        place = await gateway.backend("far0").locate()
        print(f"the listener stands at {place.address}, local to the gateway: {place.local}")
        assert not place.local
        fine = await phase(gateway, listener, far, calls, offline=False)
        await gateway.close()
        # A fresh gateway has no connection left over; it was not told of the switch, and asks the door.
        for told in (False, True):
            await switch_egress(door, ADMIN, "bench", offline=True)
            late = Gateway(
                [OpenAIBackend(one) for one in known],
                routes(known),
                keeper=PostgresKeeper(database),
                egress=DoorEgress(door, recipients),
                settings=QUICK,
            )
            if told:
                late.go_offline("bench")
            fine &= await phase(late, listener, far, calls // 10, offline=True)
            await late.close()
            await switch_egress(door, ADMIN, "bench", offline=False)
        server.close()
    return fine


async def main(calls: int) -> bool:
    with shared_server() as server:
        async with fresh_database(server) as database:
            fine = await whole(database, calls)
    print("held" if fine else "NOT HELD")
    return fine


if __name__ == "__main__":
    raise SystemExit(0 if asyncio.run(main(int(sys.argv[1]) if len(sys.argv) > 1 else 10_000)) else 1)
