"""A project on the made world: its people, its port as drafted and vouched for, what it may send."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

from pilothouse_port.working import Place, draft_port

KNOWN = Path(__file__).parents[1] / "src" / "pilothouse_port" / "worlds" / "known_descriptions.txt"
VOUCH = "endorsed_by: TODO who vouches that its fields are records"
HEAD = """
[project]
name = "a port under test"
solutions = ["port"]
operator = "dispatcher"

[port]
policy = "{policy}"
as_of = "{as_of}"

{people}

"""
NOTICE = (
    'notice: {{system: {mailbox}, tool: send, args: {{to: ["$to"], subject: "$subject", text: "$text"}}}}'
)


def described(world: Path) -> dict[str, Any]:
    return tomllib.loads((world / "world.toml").read_text(encoding="utf-8"))


def mailbox_of(world: Path) -> str:
    systems = described(world)["systems"]
    return next(name for name, system in systems.items() if system["technology"] == "mail")


async def drafted_project(folder: Path, *, world: Path, sources: Path, people: str) -> Path:
    """Lay a project into ``folder`` whose port may send notices."""
    folder.mkdir()
    head = HEAD.format(
        policy=world / "POLICY.md", as_of=described(world)["as_of"].isoformat(), people=people.strip()
    )
    (folder / "pilothouse.toml").write_text(head + sources.read_text(encoding="utf-8"), encoding="utf-8")
    port = folder / "port.yaml"
    await draft_port(world, place=Place(folder=folder), out=port, force=False, known=KNOWN)
    drafted = port.read_text(encoding="utf-8")
    more = f"effects:\n  {NOTICE.format(mailbox=mailbox_of(world))}"
    port.write_text(drafted.replace(VOUCH, "endorsed_by: a test").replace("effects:", more), encoding="utf-8")
    return folder
