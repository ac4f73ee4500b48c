"""The verbs of the log: ``verify`` checks it, ``export`` hands it out, ``prove`` proves one entry."""

from __future__ import annotations

import contextlib
import json as jsons
import sys
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pilothouse.cli.console import JsonOption, ProjectOption, emit, run

if TYPE_CHECKING:
    from uuid import UUID

    from pilothouse.audit import Proof, SignedHead, Verification
    from pilothouse.storage import Database

__all__ = ["register"]

app = typer.Typer(help="The append-only log of everything that was decided and done.", no_args_is_help=True)
KeyOption = Annotated[
    list[str] | None, typer.Option("--key", help="Public key to trust, or a file that holds it; repeatable.")
]
HeadOption = Annotated[
    list[Path] | None, typer.Option("--head", help="File of signed heads noted elsewhere; repeatable.")
]


def register(cli: typer.Typer) -> None:
    """Add the verbs to ``cli``."""
    cli.add_typer(app, name="audit")


@app.command()
def verify(
    file: Annotated[
        Path | None, typer.Argument(help="Export, proof or second device's log; without it the database.")
    ] = None,
    *,
    key: KeyOption = None,
    head: HeadOption = None,
    open_ended: Annotated[
        bool, typer.Option("--open", help="FILE is a second device's log, which has no seal.")
    ] = False,
    project: ProjectOption = Path(),
    json: JsonOption = False,
) -> None:
    """Check entries, signed heads and the second device; exit 1 at the first that does not hold."""
    if file is not None:
        raise typer.Exit(_offline(file, key or [], head or [], open_ended=open_ended, json=json))
    found: Verification = run(_verify(project, key or [], head or []))
    broken = found.broken
    data = {
        "ok": found.ok,
        "entries": found.entries,
        "pending": found.pending,
        "head": found.head.root,
        "heads": found.heads,
        "signed": found.signed,
        "device": found.device,
        "notes": list(found.notes),
        "broken": None if broken is None else {"position": broken.position, "why": broken.why},
    }
    words = [f"{found.entries} entries hold, head {found.head.root[:16]}, {found.signed} of them signed"]
    words += [] if broken is None else [f"entry {broken.position} does not: {broken.why}"]
    words += [f"note: {note}" for note in found.notes]
    emit(data, as_json=json, show=lambda: "\n".join(words))
    if not found.ok:
        raise typer.Exit(1)


@app.command()
def export(
    out: Annotated[
        Path | None,
        typer.Argument(help="Folder to write log, verifier, key and heads to; else the log is printed."),
    ] = None,
    *,
    project: ProjectOption = Path(),
    json: JsonOption = False,
) -> None:
    """Write the log, sealed, with the one-file verifier that needs neither server nor Pilothouse."""
    made: dict[str, Any] | None = run(_export(project, out))
    if made is not None:
        emit(
            made,
            as_json=json,
            show=lambda: f"{made['entries']} entries in {made['log']}; check: {made['check']}",
        )


@app.command()
def prove(
    entry: Annotated[str, typer.Argument(help="Entry's id, or its last characters.")],
    *,
    out: Annotated[Path | None, typer.Option("--out", "-o", help="File to write the proof to.")] = None,
    size: Annotated[
        int | None,
        typer.Option(help="Prove against the tree of this size, such as a head's noted elsewhere."),
    ] = None,
    project: ProjectOption = Path(),
    json: JsonOption = False,
) -> None:
    """Prove that one entry stands in the log, to somebody who has only a signed head."""
    proof: Proof = run(_prove(project, entry, size))
    fields = proof.fields()
    if out is not None:
        out.write_text(jsons.dumps(fields, ensure_ascii=False, indent=2) + "\n", encoding="utf-8")
    words = f"entry {proof.position} of {proof.size}, {len(proof.path)} hashes to the root {proof.root}"
    signed = "not signed here" if proof.head is None else f"signed at {proof.head.at} by {proof.head.key}"
    emit(fields, as_json=json, show=lambda: f"{words}; {signed}")


def _offline(file: Path, keys: list[str], heads: list[Path], *, open_ended: bool, json: bool) -> int:
    from pilothouse.audit.offline import main

    words = [str(file)]
    for text in keys:
        words += ["--key", text]
    for path in heads:
        words += ["--head", str(path)]
    return main(words + ["--open"] * open_ended + ["--json"] * json)


@contextlib.asynccontextmanager
async def _opened(folder: Path) -> AsyncGenerator[Database]:
    from pilothouse.app import open_project_database, storage_settings
    from pilothouse.audit import open_audit

    async with (
        open_project_database(folder) as (project, database),
        open_audit(database, data_dir=storage_settings(project).data_dir, work=False),
    ):
        yield database


async def _verify(folder: Path, keys: list[str], heads: list[Path]) -> Verification:
    from pilothouse.audit import chain, public_key, verify

    noted = [head for path in heads for head in _noted(path)]
    async with _opened(folder) as database:
        while await chain(database, wait=True):
            pass
        ours = public_key(database)
        return await verify(database, noted=noted, keys={*map(_key, keys), *([ours] if ours else [])})


async def _export(folder: Path, out: Path | None) -> dict[str, Any] | None:
    from pilothouse.audit import export, heads, offline_verifier, public_key

    async with _opened(folder) as database:
        if out is None:
            async for line in export(database):
                sys.stdout.write(line + "\n")
            return None
        out.mkdir(parents=True, exist_ok=True)
        entries, log = 0, out / "audit.jsonl"
        with log.open("w", encoding="utf-8", newline="\n") as file:
            async for line in export(database):
                file.write(line + "\n")
                entries += line.startswith('{"entry"')
        (out / "verify.py").write_text(offline_verifier(), encoding="utf-8")
        key = public_key(database)
        if key is not None:
            (out / "key.pub").write_text(key + "\n", encoding="ascii")
        _write_heads(out / "heads.jsonl", await heads(database))
    pinned = " --key key.pub" if key is not None else ""
    return {"log": str(log), "entries": entries, "key": key, "check": f"python verify.py audit.jsonl{pinned}"}


def _write_heads(path: Path, heads: tuple[SignedHead, ...]) -> None:
    lines = [jsons.dumps({"head": head.fields()}, sort_keys=True, separators=(",", ":")) for head in heads]
    path.write_text("".join(line + "\n" for line in lines), encoding="ascii")


async def _prove(folder: Path, text: str, size: int | None) -> Proof:
    from pilothouse.audit import prove

    async with _opened(folder) as database:
        return await prove(database, await _found(database, text), size=size)


async def _found(database: Database, text: str) -> UUID:
    from pilothouse.audit import find_entries
    from pilothouse.kernel import UsageError

    found = await find_entries(database, text)
    if len(found) == 1:
        return found[0]
    if found:
        raise UsageError(f"{text!r} fits {len(found)} entries; give more characters", code="audit.ambiguous")
    raise UsageError(
        f"there is no audit entry {text!r}; see `pilothouse audit export`", code="audit.not_found"
    )


def _noted(path: Path) -> list[Any]:
    from pilothouse.audit import Head
    from pilothouse.audit.offline import heads_in
    from pilothouse.kernel import UsageError

    try:
        found = heads_in(path.read_bytes().splitlines())
    except OSError as error:
        raise UsageError(f"{str(path)!r} cannot be read: {error}", code="audit.head") from error
    if not found:
        raise UsageError(f"{str(path)!r} holds no head with a good signature", code="audit.head")
    return [Head(size=size, root=root) for size, root, _ in found]


def _key(text: str) -> str:
    from pilothouse.audit.offline import key_of
    from pilothouse.kernel import UsageError

    try:
        return key_of(text)
    except (OSError, ValueError) as error:
        raise UsageError(f"{text!r} is no public key: {error}", code="audit.key") from error
