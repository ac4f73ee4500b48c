"""Owns training and opening heads of a project: tasks by name, the encoder joined, versions in the registry.

``python -m pilothouse.app.models.learning SPEC`` is the training process itself.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.metadata import entry_points
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pilothouse.kernel import PilothouseError, Principal, UsageError, decode, encode

if TYPE_CHECKING:
    from pilothouse.app.project import Project
    from pilothouse.documents.claims import Encoder, Task
    from pilothouse.documents.claims.heads import Head
    from pilothouse.labels import Label
    from pilothouse.registry import Assets

__all__ = ["TrainingJob", "find_task", "open_task_head", "train_claims", "trained_label"]

Progress = Callable[[str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingJob:
    """What to train.

    Attributes:
        task: Name or file of a task.
        data: JSONL of examples.
        out: Folder of all heads.
        label: Join of what the examples were made from.
        folder: Of the project, for its own tasks; None outside projects.
        vectors: Use the embedded encoder for English sentences.
        cpu_seconds: Budget of the process.
        seed: Of splits and variants.
        licence: Of the examples.
    """

    task: str
    data: Path
    out: Path
    label: Label
    folder: Path | None = None
    vectors: bool = False
    cpu_seconds: int = 1800
    seed: int = 0
    licence: str = ""


def trained_label(principal: Principal) -> Label:
    """Return the label of examples from a file: for who hands them in, and worth nothing as a word."""
    from pilothouse.labels import unknown

    return unknown(principal.id)


def find_task(name: str, project: Project | None = None) -> Task:
    """Return the task of a name: a TOML file, the project's ``[claims.tasks]``, or an installed solution's.

    Raises:
        UsageError: ``claims.no_task``, naming those there are; ``claims.task``: it does not hold together.
    """
    from pilothouse.documents.claims import load_task

    if name.endswith(".toml"):
        return load_task(Path(name))
    listed: Mapping[str, Any] = {} if project is None else project.section("claims").get("tasks", {})
    if project is not None and name in listed:
        files = [listed[name]] if isinstance(listed[name], str) else listed[name]
        return load_task(*(project.folder / str(one) for one in files))
    installed = {point.name: point for point in entry_points(group="pilothouse.tasks")}
    if name in installed:
        return installed[name].load()()
    known = ", ".join(sorted({*listed, *installed})) or "none"
    raise UsageError(
        f"there is no task {name!r} (known: {known}); give a TOML file or add it to [claims.tasks]",
        code="claims.no_task",
    )


async def train_claims(job: TrainingJob, *, progress: Progress) -> dict[str, Any]:
    """Train heads in a process of their own; return the folder and the card.

    Raises:
        UsageError: ``claims.no_task``.
        LimitError: ``learning.budget``.
        UnavailableError: ``learning.failed``.
    """
    from pilothouse.learning import run_job

    spec = {
        "task": job.task,
        "data": str(job.data),
        "out": str(job.out),
        "label": encode(job.label),
        "folder": None if job.folder is None else str(job.folder),
        "vectors": job.vectors,
        "cpu_seconds": job.cpu_seconds,
        "seed": job.seed,
        "licence": job.licence,
    }
    command = [sys.executable, "-m", "pilothouse.app.models.learning", json.dumps(spec)]
    result: dict[str, Any] = {}
    async for told in run_job(command, cpu_seconds=job.cpu_seconds):
        if told.result is not None:
            result = dict(told.result)
        elif told.step:
            progress(told.step)
    if "error" in result:
        raise UsageError(str(result["error"]), code=str(result["code"]))
    return result


async def open_task_head(
    assets: Assets, task: Task, *, base: Path, encoder: Encoder | None = None
) -> Head | None:
    """Return the approved head of a task, else the newest; None if it has none.

    Raises:
        DataError: ``claims.head``: its files were changed.
        UsageError: ``claims.base``: it needs another encoder.
    """
    from pilothouse.learning import open_head

    try:
        asset = await assets.get("head", task.name)
    except UsageError as error:
        if error.code == "registry.no_asset":
            return None
        raise
    return open_head(asset, task, base=base, encoder=encoder)


async def _train(spec: Mapping[str, Any]) -> dict[str, Any]:
    from pilothouse.app.models.packs import open_encoder
    from pilothouse.app.project import load_project
    from pilothouse.learning import Examples, finished, tell, train_heads

    label: Any = decode(spec["label"])
    project = None if spec["folder"] is None else load_project(Path(spec["folder"]))
    examples = Examples.read(Path(spec["data"]), label=label, licence=spec["licence"])
    trained = await train_heads(
        find_task(spec["task"], project),
        examples,
        Path(spec["out"]),
        encoder=open_encoder() if spec["vectors"] else None,
        seed=spec["seed"],
        progress=tell,
    )
    return finished(trained)


def _main() -> None:
    from pilothouse.learning import limited, tell

    spec = json.loads(sys.argv[1])
    limited(int(spec["cpu_seconds"]))
    try:
        tell(result=asyncio.run(_train(spec)))
    except PilothouseError as error:
        tell(result={"error": error.message, "code": error.code})


if __name__ == "__main__":
    _main()
