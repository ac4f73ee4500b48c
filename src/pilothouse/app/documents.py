"""Owns the reader of documents of one project: its limits, and who hears recordings."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncGenerator
from typing import TYPE_CHECKING

from pilothouse.kernel import UsageError

if TYPE_CHECKING:
    from pilothouse.app.project import Project
    from pilothouse.documents import Documents, Transcriber
    from pilothouse.documents.settings import DocumentsSettings

__all__ = ["open_reader"]


@contextlib.asynccontextmanager
async def open_reader(project: Project | None = None) -> AsyncGenerator[Documents]:
    """Open the reading of documents as ``[documents]`` of the project and the environment say.

    Args:
        project: Without one, the environment and the defaults hold.

    Raises:
        UsageError: ``project.invalid``: a setting is unknown or not of its type.
    """
    from pilothouse.documents import open_documents

    settings = _settings(project)
    async with open_documents(
        limits=settings.limits,
        transcriber=_transcriber(settings),
        parsers=settings.parsers,
        memory=settings.memory,
    ) as documents:
        yield documents


def _settings(project: Project | None) -> DocumentsSettings:
    from pydantic import ValidationError

    from pilothouse.documents.settings import DocumentsSettings

    try:
        return DocumentsSettings(**(project.section("documents") if project is not None else {}))
    except ValidationError as error:
        first = error.errors()[0]
        raise UsageError(
            f"[documents] {'.'.join(map(str, first['loc']))!r}: {first['msg']}; correct pilothouse.toml",
            code="project.invalid",
        ) from error


def _transcriber(settings: DocumentsSettings) -> Transcriber | None:
    if not settings.speech:
        return None
    from pilothouse.app.models.packs import open_transcriber

    return open_transcriber(settings.speech)
