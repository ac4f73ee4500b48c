"""The durable run: a question a box, a release that leaves once, a stop that comes in the last moment."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from uuid import UUID

import pytest
from port_project import drafted_project, mailbox_of

from pilothouse.app import open_studio
from pilothouse.decisions import InboxFilter
from pilothouse.kernel import DeniedError
from pilothouse.labels import signed
from pilothouse_port.types import Verdict
from pilothouse_port.working import Place, find_bindings
from pilothouse_port.world import serve
from pilothouse_port.world.render_world import make_world
from pilothouse_port.world.serve import releases_posted

pytestmark = pytest.mark.timeout(180)
CANCEL = "stornierenFreistellungAuftrag"
PEOPLE = """
[principals.dispatcher]
kind = "service"
rights = ["sources:*", "effects:*", "decisions:*"]

[principals."clerk.amira"]
groups = ["desk"]
rights = ["decisions:*", "acl:*"]

[principals."clerk.carla"]
groups = ["cancelling"]
rights = ["decisions:*", "acl:*"]
"""


@pytest.fixture(scope="module")
def flow_world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SimpleNamespace]:
    """A world of its own: these tests release boxes, and others count on the shared one as it was made."""
    out = tmp_path_factory.mktemp("flow_world")
    world = make_world(out, seed=7, size="small").world
    running = serve.up(world, owner=os.getpid())
    yield SimpleNamespace(out=out, world=world, project=running.project)
    serve.down(world, forget=True)


@pytest.fixture
async def project(flow_world, tmp_path) -> Path:
    folder = await drafted_project(
        tmp_path / "studio", world=flow_world.world, sources=flow_world.project, people=PEOPLE
    )
    port = folder / "port.yaml"
    drafted = port.read_text(encoding="utf-8")
    words = next(line for line in drafted.splitlines() if line.strip().startswith("release: {system:"))
    community = words.split("system: ")[1].split(",")[0]
    cancel = f'  cancel: {{system: {community}, tool: {CANCEL}, args: {{id: "$right"}}}}'
    port.write_text(drafted.replace("effects:", f"effects:\n{cancel}"), encoding="utf-8")
    return folder


@pytest.fixture
def late_mail(flow_world) -> Iterator[Path]:
    path = flow_world.world / "systems" / mailbox_of(flow_world.world) / "99999-late.eml"
    yield path
    path.unlink(missing_ok=True)


def mail_about(container: str) -> str:
    return (
        "Message-ID: <late@shipper.example>\nFrom: a@shipper.example\nTo: desk@agency.example\n"
        f"Date: Tue, 06 Jan 2026 08:00:00 +0000\nSubject: {container}\n\nPlease do not release this box.\n"
    )


async def releases(studio) -> list:
    page = await studio.inbox.list(studio.principal)
    shown = [await studio.inbox.show(item.id, studio.principal) for item in page.items]
    return [view.proposal for view in shown if view.proposal.tool == "release_container"]


async def approve(studio, proposal, *, typed: str | None = None) -> None:
    item = (await studio.inbox.show(proposal.id, studio.principal)).item
    await studio.inbox.approve(item.id, studio.principal, typed=typed)


async def settled(studio, run: UUID, *, states: tuple[str, ...]) -> str:
    for _ in range(300):
        found = await studio.engine.get(run)
        if found.state in states:
            return found.state
        await asyncio.sleep(0.1)
    return found.state


async def test_boxes_are_asked_released_once_and_looked_at_again(project, flow_world, late_mail) -> None:
    from pilothouse_port.flow import release_all

    bindings, at = find_bindings(Place(folder=project))
    packs = await release_all(project, bindings, at=at)
    assert len(packs) == 60
    again = await release_all(project, bindings, at=at)
    assert [pack.content for pack in again] == [pack.content for pack in packs], "the same run, not another"
    advised = {pack.consignment.container for pack in packs if pack.verdict.advised is Verdict.RELEASE}
    async with open_studio(project, acting="clerk.amira") as studio:
        asked = await releases(studio)
        assert {proposal.args["container"] for proposal in asked} <= advised
        first, second = asked[:2]
        before = len(releases_posted(flow_world.out))

        await studio.inbox.approve(first.id, studio.principal, typed=first.args["container"][-4:])
        assert await settled(studio, UUID(first.run), states=("done", "failed")) == "done"
        assert (await studio.engine.result(UUID(first.run))).state == "done"
        (posted,) = releases_posted(flow_world.out)[before:]
        assert (posted.container, posted.bl, posted.done) == (first.args["container"], first.args["bl"], True)

        late_mail.write_text(mail_about(second.args["container"]), encoding="utf-8")
        await studio.inbox.approve(second.id, studio.principal, typed=second.args["container"][-4:])
        await asyncio.sleep(0.5)
        assert await settled(studio, UUID(second.run), states=("parked", "done")) == "parked"
        assert len(releases_posted(flow_world.out)) == before + 1, "nothing left for the box somebody stopped"
        weighed = [e async for e in studio.engine.history(UUID(second.run)) if e.name == "weigh"]
        pack = (await studio.engine.output(weighed[-1])).pack
        assert pack.verdict.advised is Verdict.ESCALATE
        assert ("stop", "instructed") in {(one.check, one.outcome) for one in pack.verdict.reasons}


async def question(studio, tool: str):
    for _ in range(200):
        page = await studio.inbox.list(studio.principal, InboxFilter(topic=tool))
        if page.items:
            return (await studio.inbox.show(page.items[0].id, studio.principal)).proposal
        await asyncio.sleep(0.1)
    raise AssertionError(f"nobody was asked for {tool}")


async def test_a_hold_is_told_to_the_registered_address_only_when_the_desk_says_so(
    project, flow_world
) -> None:
    from pilothouse_port.flow import release_all

    bindings, at = find_bindings(Place(folder=project))
    await release_all(project, bindings, at=at)
    async with open_studio(project, acting="clerk.amira") as studio:
        page = await studio.inbox.list(studio.principal)
        held = [item for item in page.items if item.verdict == "HOLD"]
        for item in held:
            weighed = [e async for e in studio.engine.history(UUID(item.run)) if e.name == "weigh"]
            notice = (await studio.engine.output(weighed[-1])).notice
            if notice is not None:
                break
        assert notice is not None
        await studio.inbox.approve(item.id, studio.principal)
        asked = await question(studio, "send_notice")
        assert (asked.tier, asked.args["to"]) == (2, notice["to"])
        left = flow_world.project.parent / "outbox"
        assert list(left.glob("*.eml")) == []
        await approve(studio, asked)
        assert await settled(studio, UUID(item.run), states=("done", "failed")) == "done"
        (mail,) = left.glob("*.eml")
        text = mail.read_text(encoding="utf-8")
        assert f"X-Envelope-To: {notice['to']}" in text.replace("\r", "")


async def test_who_let_a_box_go_may_not_take_it_back(project, flow_world) -> None:
    from pilothouse_port.flow import PortRef, cancel, release_all

    bindings, at = find_bindings(Place(folder=project))
    await release_all(project, bindings, at=at)
    async with open_studio(project, acting="clerk.amira") as studio:
        first = (await releases(studio))[-1]
        await approve(studio, first, typed=first.args["container"][-4:])
        assert await settled(studio, UUID(first.run), states=("done", "failed")) == "done"
        posted = releases_posted(flow_world.out)[-1]
        port = PortRef(bindings=str(bindings.path), policy=str(bindings.document), as_of=at)
        box = (await studio.engine.result(UUID(first.run))).consignment
        run = await cancel.start(
            port, box, posted.answer["id"], "sent to the wrong party", key="cancel:1",
            options={
                "principal": studio.project.principal("dispatcher"),
                "label": signed("a test's words", "1"),
            },
        )  # fmt: skip
        asked = await question(studio, "cancel_release")
        with pytest.raises(DeniedError) as refused:
            await approve(studio, asked, typed=box.container[-4:])
        assert refused.value.code == "decisions.apart"
        carla = studio.project.principal("clerk.carla")
        await studio.inbox.approve(asked.id, carla, typed=box.container[-4:])
        assert await settled(studio, run.id, states=("done", "failed")) == "done"
        assert (await studio.engine.result(run.id)).state == "done"
