"""Owns opening packs for what runs on them: encoder, local text model, speech; nothing is fetched here."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pilothouse.documents import Heard, Transcriber
    from pilothouse.models.adapters.e5 import E5Small
    from pilothouse.models.adapters.onnx_minilm import OnnxMiniLM
    from pilothouse.models.adapters.whisper import WhisperTranscriber
    from pilothouse.models.runtime import Adapter, LocalRuntime
    from pilothouse.registry.packs import Packs
    from pilothouse.storage import Finding

__all__ = [
    "ADAPTERS",
    "OFFLINE",
    "diagnose_packs",
    "go_offline",
    "open_encoder",
    "open_local_runtime",
    "open_multilingual_encoder",
    "open_packs",
    "open_transcriber",
]

ADAPTERS = "adapters"
"""Folder of a project's own adapters, one a folder: ``adapter.gguf`` and ``card.json``."""
OFFLINE = {
    "HF_HUB_OFFLINE": "1",
    "TRANSFORMERS_OFFLINE": "1",
    "HF_DATASETS_OFFLINE": "1",
    "HF_HUB_DISABLE_TELEMETRY": "1",
}


def go_offline() -> None:
    """Forbid every library that would download weights to do so, in this process and its children."""
    os.environ.update(OFFLINE)


def open_packs() -> Packs:
    """Return the packs of this machine, where ``PILOTHOUSE_PACKS_*`` say."""
    from pilothouse.registry.packs import open_store

    return open_store()


def open_encoder(packs: Packs | None = None) -> OnnxMiniLM:
    """Return the embedded encoder; its weights are checked now and loaded with the first text.

    Raises:
        UnavailableError: ``packs.missing``.
        DataError: ``packs.mismatch``.
    """
    from pilothouse.models.adapters.onnx_minilm import OnnxMiniLM

    go_offline()
    return OnnxMiniLM((packs or open_packs()).open("minilm"))


def open_multilingual_encoder(packs: Packs | None = None, *, delta: Path | None = None) -> E5Small:
    """Return the embedded encoder of many languages; checked now, loaded with the first text.

    Args:
        packs: Where its weights lie.
        delta: What a training added to it.

    Raises:
        UnavailableError: ``packs.missing``.
        DataError: ``packs.mismatch``; ``models.delta``: the file is damaged or belongs to other weights.
    """
    from pilothouse.models.adapters.e5 import E5Small

    go_offline()
    return E5Small((packs or open_packs()).open("e5-small"), delta=delta)


def open_local_runtime(
    name: str = "smollm2",
    *,
    adapters: Sequence[Adapter] = (),
    folder: Path | None = None,
    threads: int = 1,
    packs: Packs | None = None,
) -> LocalRuntime:
    """Return the local text model; use it with ``async with``, its child starts with the first call.

    Args:
        name: A pack, or ``PACK+ADAPTER``: the pack with an adapter of the project, on unless a request says
            otherwise.
        adapters: Further adapters that requests may switch on.
        folder: The project's, whose ``adapters/`` holds its adapters.
        threads: See :class:`~pilothouse.models.runtime.LocalRuntime`.
        packs: Default those of this machine.

    Raises:
        UsageError: ``packs.unknown``.
        UnavailableError: ``packs.missing``.
        DataError: ``packs.mismatch``; ``learning.adapter``: it is none, or belongs to another base.
    """
    from pilothouse.learning.adapters.lora import open_adapter
    from pilothouse.models.runtime import LocalRuntime

    go_offline()
    base, _, wanted = name.partition("+")
    pack = (packs or open_packs()).open(base)
    known = list(adapters)
    default = ""
    if wanted:
        own = open_adapter((folder or Path()) / ADAPTERS / Path(wanted).name, pack)
        known, default = [own, *known], own.name
    return LocalRuntime(pack, adapters=known, default=default, threads=threads)


def open_transcriber(
    name: str = "whisper-base", *, hints: Sequence[str] = (), packs: Packs | None = None
) -> Transcriber:
    """Return what turns recordings into text for documents, a word a piece.

    A number or a part of an identifier has confidence 0: nothing is built on it before a person confirmed it.

    Raises:
        UsageError: ``packs.unknown``.
        UnavailableError: ``packs.missing``.
        DataError: ``packs.mismatch``.
    """
    from pilothouse.models.adapters.whisper import WhisperTranscriber

    go_offline()
    opened = (packs or open_packs()).open(name)
    return _Hearing(WhisperTranscriber(opened, languages=opened.pack.languages), tuple(hints))


class _Hearing:
    """Joins the recogniser to the port of ``documents``."""

    def __init__(self, whisper: WhisperTranscriber, hints: tuple[str, ...]) -> None:
        self._whisper, self._hints = whisper, hints

    @property
    def version(self) -> str:
        return self._whisper.version

    async def transcribe(self, audio: bytes, *, media_type: str) -> Sequence[Heard]:
        del media_type  # the decoder goes by the bytes
        from pilothouse.documents import Heard
        from pilothouse.kernel import DataError

        try:
            transcript = await self._whisper.transcribe(audio, hints=self._hints)
        except DataError as error:
            raise DataError(error.message, code="documents.damaged") from error
        return [
            Heard(
                text=word.text,
                start=word.start,
                end=word.end,
                confidence=0.0 if word.confirm else word.confidence,
            )
            for word in transcript.words
        ]


def diagnose_packs() -> list[Finding]:
    """Return how this machine and its packs stand, in words, for ``pilothouse doctor``."""
    from pilothouse.models.runtime import missing_instructions
    from pilothouse.storage import Finding

    lacking = missing_instructions()
    findings = [
        Finding(
            ok=not lacking,
            what="processor",
            why=f"lacks {', '.join(lacking)}" if lacking else "has what the local text model needs",
            next_step="route text tasks to a model server" if lacking else "",
        )
    ]
    packs = open_packs()
    states = [packs.state(pack) for pack in packs.all()]
    absent = [state.pack.name for state in states if state.state == "missing" and state.pack.default]
    wrong = [state for state in states if state.state == "mismatch"]
    findings += [
        Finding(
            ok=False, what=f"pack {state.pack.name}", why=state.why, next_step="run `pilothouse packs verify`"
        )
        for state in wrong
    ]
    if absent:
        why = f"{', '.join(absent)} not on this machine; `pilothouse packs fetch` brings them"
    else:
        why = f"{sum(state.state == 'ready' for state in states)} ready"
    return [*findings, Finding(ok=True, what="packs", why=why)]
