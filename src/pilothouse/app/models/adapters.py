"""Owns training an adapter of the local text model for one project, and its place in the registry."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from pilothouse.app.models.packs import ADAPTERS, open_packs

if TYPE_CHECKING:
    from pilothouse.app.project import Project
    from pilothouse.documents.claims import Task
    from pilothouse.kernel import Json, Principal
    from pilothouse.learning import Examples
    from pilothouse.learning.adapters.lora import LoraJob
    from pilothouse.learning.adapters.lora_served import ProgressCall
    from pilothouse.registry import Asset, Assets

__all__ = ["train_adapter"]


async def train_adapter(
    project: Project,
    assets: Assets,
    by: Principal,
    task: Task,
    examples: Examples,
    job: LoraJob,
    *,
    base: str = "smollm2",
    progress: ProgressCall | None = None,
) -> Asset:
    """Train an adapter that proposes a task's claims, and register it with its card; nobody approved it yet.

    Its files lie in ``adapters/<name>`` of the project folder; the asset carries their hash and the join of
    the labels of what it was made from. Serve it as the model ``<base>+<name>``.

    Args:
        project: Whose folder holds it.
        assets: Of its database.
        by: Who registers it; needs ``registry:publish:adapter``.
        task: Names the claim types.
        examples: Labelled texts.
        job: Name, budget, recipe and interpreter; folder and examples are filled in.
        base: The pack that is adapted.
        progress: Told of each step.

    Raises:
        DeniedError: ``policy.denied``.
        UsageError: ``learning.no_train``, ``learning.empty``.
        LimitError: ``learning.budget``: started again, it goes on.
        UnavailableError: ``learning.failed``, ``packs.missing``.
    """
    from pilothouse.learning.adapters.lora_claims import train_claims_adapter

    pack = open_packs().open(base)
    folder = project.folder / ADAPTERS / job.name
    whole = replace(job, folder=folder)
    result = await train_claims_adapter(task, examples, pack, whole, progress=progress)
    body: dict[str, Json] = {
        "base": {"pack": pack.name, "hash": pack.hash},
        "file": f"{ADAPTERS}/{job.name}/{result.adapter.name}",
        "sha256": result.sha256,
        "size": result.size,
        "task": {"name": task.name, "version": task.version},
    }
    return await assets.put("adapter", job.name, body, by, card=result.card, label=examples.label)
