"""Owns a command in the working directory: laid out in a cage without network, and taken back afterwards."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from pilothouse.agents.files.tree import WorkingDirectory, checked_path
from pilothouse.kernel import Json, LimitError, UsageError

__all__ = ["changed", "run_command"]

ROOM: Final = "/room/work"
WALL = 60.0
MOST_FILES = 500
TEXT = 200_000


async def run_command(tree: WorkingDirectory, command: str) -> dict[str, Json]:
    """Run ``command`` by the shell over a copy of the files; nothing else of this machine is there.

    Returns:
        ``code``, ``why``, ``stdout``, ``stderr`` and ``files``: every text file there is afterwards.

    Raises:
        ConfineMissing: ``engine.confine_missing``: this machine cannot confine, so nothing was run.
        LimitError: ``agents.files``: the command left more files than fit.
    """
    from pilothouse import engine

    bounds = engine.Bounds(wall_s=WALL, cpu_s=30, processes=32, written=64 * 1024**2, output=1024**2)
    with tempfile.TemporaryDirectory(prefix="pilothouse-work-") as name:
        # Nobody else gets through the outer folder; the inner one belongs to the cage's account meanwhile.
        folder = Path(name) / "work"
        folder.mkdir(mode=0o755)
        for file in tree:
            path = folder / file.path
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(file.text, encoding="utf-8")
        mount = engine.Mount(path=folder, at=ROOM, write=True)
        cage = engine.Cage(mounts=(mount,), cwd=ROOM, bounds=bounds)
        ended = await engine.confined(["/bin/sh", "-c", command], cage=cage)
        return {
            "code": ended.code,
            "why": ended.why,
            "stdout": ended.stdout.decode(errors="replace")[-TEXT:],
            "stderr": ended.stderr.decode(errors="replace")[-TEXT:],
            "files": _files(folder),
        }


def _files(folder: Path) -> Json:
    """Return the text files below ``folder``; a link leads nowhere, and other names and bytes stay behind."""
    found: dict[str, Json] = {}
    for path in sorted(folder.rglob("*")):
        if path.is_symlink() or not path.is_file():
            continue
        name = path.relative_to(folder).as_posix()
        try:
            checked_path(name)
            found[name] = path.read_text(encoding="utf-8")
        except (UsageError, UnicodeDecodeError):
            continue
        if len(found) > MOST_FILES:
            raise LimitError(
                f"the command left more than {MOST_FILES} files; make fewer", code="agents.files"
            )
    return found


def changed(tree: WorkingDirectory, files: Mapping[str, Json]) -> dict[str, str]:
    """Return the files that are new or different."""
    known = {file.path: file.text for file in tree}
    return {name: str(text) for name, text in files.items() if known.get(name) != text}
