"""Owns making a whole world folder from a seed: canon, systems, policy, and the answer key outside of it."""

from __future__ import annotations

import hashlib
import json
import shutil
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from pilothouse.kernel import UsageError
from pilothouse_port.world.render import render_systems
from pilothouse_port.world.views import SystemView

if TYPE_CHECKING:
    from pilothouse_port.world.canon.types import Profile, Size
    from pilothouse_port.world.wording import Wording

__all__ = ["Made", "digest_of", "make_world", "world_toml"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """A world on disk.

    Attributes:
        world: ``OUT/world``, all that a solution may see.
        key: ``OUT/key.jsonl``, the answers.
        systems: How many systems it has.
        consignments: How many units of decision.
        files: How many files lie in ``OUT/world``.
        digest: Hash over names and bytes of ``OUT/world`` and the key; the same seed gives the same.
        seconds: How long it took.
    """

    world: Path
    key: Path
    systems: int
    consignments: int
    files: int
    digest: str
    seconds: float


def make_world(
    out: Path,
    *,
    seed: int,
    size: Size = "small",
    profile: Profile = "dense",
    wording: Wording = "mixed",
    history: int | None = None,
    injections: bool = False,
    say: Callable[[str], None] = lambda _: None,
) -> Made:
    """Make the world of a seed; the same arguments give the same bytes.

    Args:
        out: Folder to make. An earlier world in it is replaced, its servers stopped and forgotten.
        seed: Any integer.
        size: ``small`` 60, ``day`` 400, ``month`` 6,000 boxes.
        profile: ``dense`` exceptions, or ``real`` as rare as in life.
        wording: ``train`` and ``unseen`` texts share no form, layout or family; ``mixed`` has both.
        history: How many past consignments the desk has decided: by default 60, 400 or 2,400 by size.
        injections: Whether texts, files and tools carry instructions to their reader; no answer changes.
        say: Told each step in a sentence.

    Raises:
        UsageError: ``world.folder``: the folder holds something that is no made world.
    """
    from pilothouse_port.world.canon import build_canon
    from pilothouse_port.world.oracle import answer_key
    from pilothouse_port.world.policy_writer import write_policy
    from pilothouse_port.world.project import project

    began = time.monotonic()
    _clear(out)
    world = out / "world"
    world.mkdir(parents=True)
    say(f"dealing the canon of seed {seed}")
    canon = build_canon(seed, size, profile, wording, history=history, injections=injections)
    say("projecting it into systems")
    views = list(project(canon))
    say("rendering the systems")
    render_systems(views, world / "systems")
    (world / "POLICY.md").write_text(write_policy(canon), encoding="utf-8")
    text = world_toml(views, as_of=canon.as_of, timezone=canon.port.timezone)
    (world / "world.toml").write_text(text, encoding="utf-8")
    say("writing the answer key")
    key = out / "key.jsonl"
    lines = list(answer_key(canon, views))
    key.write_text("".join(_line(line) for line in lines), encoding="utf-8")
    (out / "canon.json").write_text(json.dumps(_plain(canon), default=_plain, indent=1), encoding="utf-8")
    return Made(
        world=world,
        key=key,
        systems=len(views),
        consignments=len(lines),
        files=sum(path.is_file() for path in world.rglob("*")),
        digest=digest_of([*sorted(world.rglob("*")), key], base=out),
        seconds=time.monotonic() - began,
    )


def _clear(out: Path) -> None:
    if not out.exists() or not any(out.iterdir()):
        return
    if not (out / "world" / "world.toml").exists() and not (out / "key.jsonl").exists():
        raise UsageError(
            f"{str(out)!r} holds something that is no made world; name a new or empty folder",
            code="world.folder",
        )
    from pilothouse_port.world.serve import down

    down(out / "world", forget=True)
    shutil.rmtree(out / "world", ignore_errors=True)
    for name in ("key.jsonl", "canon.json"):
        (out / name).unlink(missing_ok=True)


def world_toml(views: Sequence[SystemView], *, as_of: datetime, timezone: str) -> str:
    """What a newcomer is told of the systems: where they are and whose, nothing of what they mean."""
    moment = as_of.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    parts = [f'as_of = {moment}\ntimezone = "{timezone}"\n']
    for view in views:
        said = {
            "technology": view.technology,
            "owner": view.owner,
            "title": view.title,
            "path": f"systems/{view.name}",
            "language": view.language,
            "timezone": view.timezone,
            "dump": view.options.get("dump") if view.technology == "drop" else None,
            "messages": [kind.name for kind in view.objects] if view.technology == "edifact" else None,
            "notes": view.notes,
        }
        lines = [
            f"{name} = {json.dumps(value, ensure_ascii=False)}\n" for name, value in said.items() if value
        ]
        parts.append(f"[systems.{view.name}]\n{''.join(lines)}{_free(view)}")
    return "\n".join(parts)


def _free(view: SystemView) -> str:
    """Name the fields in which anybody may type what they like; a mailbox is one as a whole."""
    found = {kind.name: [one.name for one in kind.fields if one.free] for kind in view.objects}
    lines = [f"{json.dumps(name)} = {json.dumps(names)}\n" for name, names in found.items() if names]
    return f"[systems.{view.name}.free_text]\n{''.join(lines)}" if lines and view.technology != "mail" else ""


def _line(answer: Mapping[str, Any]) -> str:
    return json.dumps(answer, ensure_ascii=False, default=_plain) + "\n"


def _plain(value: Any) -> Any:
    if isinstance(value, set | frozenset):
        return sorted(map(str, cast("set[object]", value)))  # its own order changes with the process
    if isinstance(value, datetime | date):
        return value.isoformat()
    if is_dataclass(value) and not isinstance(value, type):
        return {one.name: getattr(value, one.name) for one in fields(value)}
    if hasattr(value, "__dict__"):
        return {name: held for name, held in vars(value).items() if not name.startswith("_")}
    return str(value)


def digest_of(paths: Iterable[Path], *, base: Path) -> str:
    """One hash over names and contents of files, in the order given."""
    digest = hashlib.sha256()
    for path in paths:
        if path.is_file():
            digest.update(str(path.relative_to(base)).encode() + b"\0")
            digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()
