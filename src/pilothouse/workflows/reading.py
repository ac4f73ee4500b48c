"""Owns the verb ``read_document``: a file becomes text inside a step, and the run knows its label."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pilothouse import engine
from pilothouse.kernel import UsageError
from pilothouse.workflows.flow import current
from pilothouse.workflows.resources import bound

if TYPE_CHECKING:
    from pilothouse.documents import Document, Documents
    from pilothouse.labels import Label

__all__ = ["read_document"]


async def read_document(data: bytes, *, label: Label, name: str = "", declared_type: str = "") -> Document:
    """Read a file in a cage, inside a step; what the run decides afterwards is bound to the file's label.

    Args:
        data: The file.
        label: Of the file, as the source gave it: every word inside gets it.
        name: As declared by whoever sent it.
        declared_type: Media type as declared.

    Raises:
        UsageError: ``workflows.source_outside_step``; ``labels.missing``; ``engine.confine_missing``.
        DataError: ``documents.damaged``, ``documents.encrypted`` or ``documents.unsupported``.
        LimitError: ``documents.too_large``.
    """
    if engine.place() not in ("step", "outside"):
        raise UsageError(
            f"read_document({name!r}) is used in the workflow itself; move the reading into a @step",
            code="workflows.source_outside_step",
        )
    documents: Documents = bound().need("documents")
    run = str(engine.current_run().id) if engine.in_run() else ""
    document = await documents.read(data, label=label, name=name, declared_type=declared_type, run=run)
    collected = current()
    if collected is not None:
        collected.add(label)
    return document
