"""Owns what the port's commands do: open the project, read the mapping, run, score; prints nothing."""

from __future__ import annotations

import asyncio
import csv as csvlib
import json
import time
import tomllib
from collections import Counter
from collections.abc import AsyncGenerator, Callable, Coroutine, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from pilothouse.kernel import PilothouseError, Principal, UsageError, exit_code

if TYPE_CHECKING:
    from pilothouse.connectors import Finding, Sources
    from pilothouse_port.bindings import Bindings
    from pilothouse_port.bindings.coverage import Coverage
    from pilothouse_port.pack import Pack
    from pilothouse_port.score import Line, Score

__all__ = [
    "Place",
    "check_port",
    "draft_port",
    "find_bindings",
    "opened",
    "price",
    "run",
    "run_port",
    "score_files",
    "write_decisions",
]

T = TypeVar("T")


def run(work: Coroutine[Any, Any, T]) -> T:
    """Run a command's coroutine; a typed error becomes one line on stderr and its exit code."""
    try:
        return asyncio.run(work)
    except PilothouseError as error:
        import typer

        typer.echo(f"error {error}", err=True)
        raise SystemExit(exit_code(error)) from None


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a command looks: project or file of sources, mapping, policy, the time asked about."""

    folder: Path
    sources: Path | None = None
    port: Path | None = None
    policy: Path | None = None
    as_of: datetime | None = None
    acting: str | None = None


@asynccontextmanager
async def opened(place: Place) -> AsyncGenerator[tuple[Sources, Principal], None]:
    """Open the place's sources and name with whose rights they are read."""
    async with _sources(place) as found:
        yield found


@asynccontextmanager
async def _sources(place: Place) -> AsyncGenerator[tuple[Sources, Principal], None]:
    if place.sources is not None:
        async with _declared(place.sources) as opened:
            yield opened
        return
    from pilothouse.app import open_sources

    async with open_sources(place.folder, acting=place.acting) as opened:
        yield opened


@asynccontextmanager
async def _declared(path: Path) -> AsyncGenerator[tuple[Sources, Principal], None]:
    """Open the ``[sources.*]`` of any TOML file, without a project: read only, as the port's own service."""
    from pilothouse.connectors import Sources

    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UsageError(f"{str(path)!r} declares no sources: {error}", code="port.file") from error
    reader = Principal(id="port.reader", kind="service", rights=frozenset({"sources:*"}))
    async with Sources.from_config(content, base=path.parent) as sources:
        yield sources, reader


def find_bindings(place: Place) -> tuple[Bindings, datetime]:
    """Return the mapping and the time asked about.

    A command's options come first, then the project's ``[port]`` table (``bindings``, ``policy``, ``as_of``),
    then ``port.yaml`` beside the project or file of sources, a world's own time, and the present.

    Raises:
        UsageError: ``port.file``, ``port.yaml``, ``port.time``.
    """
    bindings, at, _ = _asked(place)
    return bindings, at


def _asked(place: Place) -> tuple[Bindings, datetime, bool]:
    """Return mapping, time, and whether the time was set (else it runs on)."""
    from pilothouse_port.bindings import load_bindings

    if place.sources is not None:
        path, document, section = place.port or place.sources.parent / "port.yaml", place.policy, {}
    else:
        path, document, section = _declared_paths(place)
    bindings = load_bindings(path, policy_document=document)
    at = place.as_of or _declared_time(section.get("as_of"))
    if place.sources is not None:
        at = at or _world_time(path, bindings)
    return bindings, at or datetime.now(UTC), at is not None


def _declared_paths(place: Place) -> tuple[Path, Path | None, dict[str, Any]]:
    from pilothouse.app import find_project, load_project

    project = load_project(find_project(place.folder))
    section = project.section("port")
    path = place.port or project.folder / str(section.get("bindings", "port.yaml"))
    document = place.policy or (project.folder / str(section["policy"]) if "policy" in section else None)
    return path, document, section


def _world_time(path: Path, bindings: Bindings) -> datetime | None:
    """A world says in ``world.toml`` beside its policy of which time it is."""
    described = (path.parent / bindings.model.policy.document).resolve().parent / "world.toml"
    if not described.is_file():
        return None
    return _declared_time(tomllib.loads(described.read_text(encoding="utf-8")).get("as_of"))


def _declared_time(value: object) -> datetime | None:
    if value is None or isinstance(value, datetime):
        return value
    try:
        return datetime.fromisoformat(str(value))
    except ValueError:
        raise UsageError(f"[port] as_of = {value!r} is no time; write ISO 8601", code="port.time") from None


async def draft_port(
    world: Path, *, place: Place, out: Path, force: bool, known: Path | None = None
) -> dict[str, Any]:
    """Draft a mapping and write it.

    Raises:
        UsageError: ``port.exists``: the file is there and ``force`` is not given.
    """
    from pilothouse_port.draft import draft

    if out.exists() and not force:
        raise UsageError(f"{str(out)!r} exists; name another file or use --force", code="port.exists")
    async with _sources(place) as (sources, principal):
        made = await draft(world, sources, principal, out=out, known=known)
    out.write_text(made.text, encoding="utf-8")
    return {"out": str(out), "facts": made.facts, "rows": made.rows, "lines": made.lines, "todo": made.todo}


async def check_port(place: Place) -> Coverage:
    """Gather everything once and return the coverage."""
    from pilothouse_port.bindings import SourcesReader, gather, list_consignments
    from pilothouse_port.bindings.coverage import bound_systems, cover
    from pilothouse_port.evaluate import local_time

    bindings, at = find_bindings(place)
    async with _sources(place) as (sources, principal):
        reader = SourcesReader(sources, principal)
        boxes = await list_consignments(bindings, reader)
        got = await gather(bindings, reader, boxes, at=local_time(bindings, at))
        findings = {name: await _findings(sources, principal, name) for name in bound_systems(bindings)}
    return cover(bindings, got.facts, lookups=got.lookups, findings=findings)


async def _findings(sources: Sources, principal: Principal, name: str) -> list[Finding]:
    """Return what a source's connector found; a source that does not answer is told by its facts."""
    try:
        return await sources.findings(principal, name)
    except PilothouseError:
        return []


async def run_port(
    place: Place,
    *,
    out: Path,
    durable: bool,
    texts: bool,
    read: bool = True,
    tell: Callable[[dict[str, int]], None] = lambda _counts: None,
) -> dict[str, Any]:
    """Decide everything on the discharge list and write the decisions.

    With ``read`` false texts stay unread, which only tightens.

    A run that leaves texts out is never durable: it is a figure for comparison, not a decision.
    """
    start = time.monotonic()
    packs = await (_durable(place, tell) if durable and texts else _pure(place, texts=texts, read=read))
    write_decisions(out, packs)
    return {
        "out": str(out),
        "consignments": len(packs),
        "seconds": round(time.monotonic() - start, 2),
        "lookups": round(sum(pack.lookups for pack in packs), 2),
        "verdicts": dict(Counter(pack.verdict.advised.value for pack in packs).most_common()),
    }


async def _pure(place: Place, *, texts: bool, read: bool) -> list[Pack]:
    from pilothouse_port.bindings import SourcesReader
    from pilothouse_port.evaluate import evaluate
    from pilothouse_port.reading import reader_for

    bindings, at = find_bindings(place)
    async with _sources(place) as (sources, principal):
        reader = SourcesReader(sources, principal)
        reads = await reader_for(bindings, reader, asker=principal.id) if texts and read else None
        return await evaluate(bindings, reader, at=at, texts=texts, texts_reader=reads)


async def _durable(place: Place, tell: Callable[[dict[str, int]], None]) -> list[Pack]:
    from pilothouse_port.flow import release_all

    bindings, at, frozen = _asked(place)
    return await release_all(place.folder, bindings, at=at, live=not frozen, acting=place.acting, tell=tell)


def write_decisions(out: Path, packs: Iterable[Pack]) -> None:
    """Write one line a pack, replacing the file only when all lines are written."""
    from pilothouse_port.pack import decision_line

    lines = [json.dumps(decision_line(pack), ensure_ascii=False) + "\n" for pack in packs]
    out.parent.mkdir(parents=True, exist_ok=True)
    part = out.with_name(out.name + ".part")
    part.write_text("".join(lines), encoding="utf-8")
    part.replace(out)


async def score_files(
    place: Place, *, decisions: Path, key: Path, baseline: Path | None, reread: bool
) -> dict[str, Score]:
    """Score one or two runs against a key; with ``reread`` every cited value is read again."""
    from pilothouse_port.score import read_lines, score

    truth = read_lines(key)
    named = {"this run": decisions, **({"structured only": baseline} if baseline else {})}
    out: dict[str, Score] = {}
    for name, path in named.items():
        lines = read_lines(path)
        valid = await _reread(place, lines) if reread else None
        out[name] = score(lines, truth, valid=valid)
    return out


async def _reread(place: Place, lines: Sequence[Line]) -> Any:
    from pilothouse_port.bindings import SourcesReader
    from pilothouse_port.score import reread

    async with _sources(place) as (sources, principal):
        return await reread(lines, SourcesReader(sources, principal))


def price(decisions: Path, *, csv: Path | None) -> dict[str, Any]:
    """Return minutes a box by clerk, and what reading faster or slower changes.

    Raises:
        DataError: ``port.lines``: no line has logged actions.
    """
    from pilothouse.kernel import DataError
    from pilothouse_port.cost import CLERKS, READING_RANGE, minutes
    from pilothouse_port.score import read_lines

    lines = [line for line in read_lines(decisions) if line.get("actions")]
    if not lines:
        raise DataError(f"{decisions.name} has no logged actions; run the port again", code="port.lines")
    if csv is not None:
        _write_actions(csv, lines)

    def mean(clerk: str, **options: float) -> float:
        return sum(minutes(line["actions"][clerk], **options) for line in lines) / len(lines)

    by = {clerk: round(mean(clerk), 3) for clerk in (*CLERKS, "assisted")}
    saved = [
        1 - mean("assisted", words_a_minute=speed) / mean("competent", words_a_minute=speed)
        for speed in READING_RANGE
    ]
    return {
        "n": len(lines),
        "minutes": by,
        "saved": round(1 - by["assisted"] / by["competent"], 4),
        "saved_range": [round(min(saved), 4), round(max(saved), 4)],
    }


def _write_actions(path: Path, lines: Sequence[Line]) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csvlib.writer(file)
        writer.writerow(["container", "bl", "who", "operator", "count"])
        for line in lines:
            for who, actions in line["actions"].items():
                writer.writerows([line["container"], line["bl"], who, kind, n] for kind, n in actions.items())
