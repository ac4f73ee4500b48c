"""The verbs of packs: ``list``, ``fetch``, ``verify``, ``mirror`` and ``import``; only ``fetch`` goes out."""

from __future__ import annotations

import contextlib
from collections.abc import Generator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from pilothouse.cli.console import JsonOption, console, emit, table
from pilothouse.kernel import UsageError

if TYPE_CHECKING:
    from pilothouse.registry.packs import Pack, Packs, PackState, Progress

__all__ = ["register"]

app = typer.Typer(help="Model files: licence, size and every byte's hash.", no_args_is_help=True)
NamesArgument = Annotated[list[str] | None, typer.Argument(help="Packs; see `pilothouse packs list`.")]


def register(cli: typer.Typer) -> None:
    """Add the verbs to ``cli``."""
    cli.add_typer(app, name="packs")


@app.command(name="list")
def list_packs(*, json: JsonOption = False) -> None:
    """Show every pack known here: what it is for, size, licence, and whether it is on this machine."""
    packs = _packs()
    states = [packs.state(pack) for pack in packs.all()]
    emit([_fields(state) for state in states], as_json=json, show=lambda: _table("packs", states))


@app.command()
def fetch(
    names: NamesArgument = None,
    *,
    everything: Annotated[bool, typer.Option("--all", help="Every pack, opt-in ones too.")] = False,
    keep_wheels: Annotated[
        bool, typer.Option("--keep-wheels", help="Keep the packages' wheels, to hand on with `mirror`.")
    ] = False,
    json: JsonOption = False,
) -> None:
    """Bring packs here by this machine's package client; without NAMES the default ones. Quick when here."""
    from pilothouse.registry.packs import fetch

    packs = _packs()
    wanted = [packs.get(name) for name in names or []]
    wanted = wanted or [pack for pack in packs.all() if everything or pack.default]
    done: list[dict[str, Any]] = []
    with _progress(quiet=json) as progress:
        for pack in wanted:
            if not json and packs.state(pack).state != "ready":
                _announce(pack)
            how = fetch(packs, pack.name, progress=progress, keep_wheels=keep_wheels)
            done.append({"name": pack.name, "version": pack.version, "licence": pack.licence, "how": how})
    emit(
        {"store": str(packs.store.folder), "packs": done},
        as_json=json,
        show=lambda: "\n".join(
            [*(f"{one['name']} {one['version']}: {one['how']}" for one in done), f"in {packs.store.folder}"]
        ),
    )


@app.command()
def verify(names: NamesArgument = None, *, json: JsonOption = False) -> None:
    """Read every byte; exit 1 if one is wrong or a named pack is missing. Wrong files are put aside."""
    packs = _packs()
    wanted = [packs.get(name) for name in names] if names else list(packs.all())
    states: list[PackState] = []
    total = sum(pack.size for pack in wanted)
    with _progress(quiet=json) as progress:
        for pack in wanted:
            states.append(packs.verify(pack))
            progress("verify", sum(state.pack.size for state in states), total)
    bad = [s for s in states if s.state == "mismatch" or (names and s.state == "missing")]
    emit(
        {"ok": not bad, "packs": [_fields(state) for state in states]},
        as_json=json,
        show=lambda: _table("verified", states),
    )
    if bad:
        raise typer.Exit(1)


@app.command()
def mirror(
    folder: Annotated[Path, typer.Argument(help="Folder to write to; then PILOTHOUSE_PACKS_MIRROR.")],
    names: NamesArgument = None,
    *,
    json: JsonOption = False,
) -> None:
    """Copy the packs of this machine, with licences and hashes, to a folder that needs no index."""
    from pilothouse.registry.packs import mirror

    packs = _packs()
    wanted = names or [pack.name for pack in packs.all() if packs.state(pack).state == "ready"]
    if not wanted:
        raise UsageError(
            "there is no pack on this machine; run `pilothouse packs fetch` first", code="packs.empty"
        )
    with _progress(quiet=json) as progress:
        made = mirror(packs, folder, wanted, progress=progress)
    emit(
        {"folder": str(folder.absolute()), "packs": [str(path) for path in made]},
        as_json=json,
        show=lambda: f"{len(made)} packs in {folder}; elsewhere: PILOTHOUSE_PACKS_MIRROR={folder.absolute()}",
    )


@app.command(name="import")
def import_file(
    file: Annotated[Path, typer.Argument(help="A GGUF, ONNX or safetensors file.", dir_okay=False)],
    *,
    name: Annotated[str, typer.Option(help="Name of the pack.")],
    sha256: Annotated[str, typer.Option(help="The file's sha256 as its publisher states it.")],
    licence: Annotated[str, typer.Option(help="SPDX identifier of its licence.")],
    licence_text: Annotated[Path, typer.Option(help="File with the licence's text.", dir_okay=False)],
    kind: Annotated[
        Literal["encoder", "text", "speech", "ocr"], typer.Option(help="What it is for.")
    ] = "text",
    version: Annotated[str, typer.Option(help="Its version.")] = "1",
    origin: Annotated[str, typer.Option(help="Where it comes from.")] = "unknown",
    publisher: Annotated[str, typer.Option(help="Who published it.")] = "unknown",
    json: JsonOption = False,
) -> None:
    """Bring in a model file of your own, pinned by its hash, under a licence; it starts with no abilities."""
    from pilothouse.registry.packs import Pack, PackFile, import_pack

    for path in (file, licence_text):
        if not path.is_file():
            raise UsageError(f"there is no file {str(path)!r}", code="packs.no_file")
    packs = _packs()
    pack = Pack(
        name=name,
        version=version,
        kind=kind,
        format="",
        licence=licence,
        licence_text=licence_text.read_text(encoding="utf-8"),
        origin=origin,
        publisher=publisher,
        files=(PackFile(name=file.name, size=0, sha256=sha256.lower()),),
    )
    made = import_pack(packs, pack, file)
    state = packs.state(made)
    emit(_fields(state), as_json=json, show=lambda: f"{made.name} {made.version} is in {state.where}")


def _packs() -> Packs:
    from pilothouse.app import open_packs

    return open_packs()


def _fields(state: PackState) -> dict[str, Any]:
    pack = state.pack
    return {
        "name": pack.name,
        "version": pack.version,
        "kind": pack.kind,
        "state": state.state,
        "where": state.where,
        "why": state.why,
        "size": pack.size,
        "download": pack.download,
        "licence": pack.licence,
        "origin": pack.origin,
        "publisher": pack.publisher,
        "second_source": pack.second_source,
        "languages": list(pack.languages),
        "default": pack.default,
        "imported": pack.imported,
        "hash": pack.hash,
        "note": pack.note,
        "files": [{"name": f.name, "size": f.size, "sha256": f.sha256} for f in pack.files],
    }


def _table(title: str, states: Sequence[PackState]) -> Any:
    rows = [
        [
            s.pack.name,
            s.pack.kind,
            s.state,
            f"{s.pack.size / 1e6:.0f} MB",
            s.pack.licence,
            s.why or s.pack.note,
        ]
        for s in states
    ]
    return table(title, ["pack", "for", "state", "size", "licence", "note"], rows)


def _announce(pack: Pack) -> None:
    words = (
        f"{pack.name} {pack.version}: {pack.download / 1e6:.0f} MB to get, {pack.size / 1e6:.0f} MB to keep"
    )
    console(stderr=True).print(f"{words}, {pack.licence}, {pack.publisher}", markup=False, soft_wrap=True)


@contextlib.contextmanager
def _progress(*, quiet: bool) -> Generator[Progress]:
    out = console(stderr=True)
    if quiet or not out.is_terminal:
        yield lambda what, done, total: None
        return
    from rich.progress import BarColumn, DownloadColumn, TextColumn, TransferSpeedColumn
    from rich.progress import Progress as Bars

    columns = TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn()
    with Bars(*columns, console=out, transient=True) as bars:
        tasks: dict[str, Any] = {}

        def show(what: str, done: int, total: int) -> None:
            if what not in tasks:
                tasks[what] = bars.add_task(what, total=total)
            bars.update(tasks[what], completed=done)

        yield show
