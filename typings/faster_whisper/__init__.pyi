from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

class Word:
    start: float
    end: float
    word: str
    probability: float

class Segment:
    start: float
    end: float
    text: str
    avg_logprob: float
    compression_ratio: float
    words: list[Word] | None

class TranscriptionInfo:
    language: str
    language_probability: float
    duration: float

class _Model:
    is_multilingual: bool

class WhisperModel:
    model: _Model
    def __init__(
        self,
        model_size_or_path: str,
        device: str = ...,
        *,
        compute_type: str = ...,
        cpu_threads: int = ...,
        num_workers: int = ...,
        local_files_only: bool = ...,
    ) -> None: ...
    def transcribe(
        self, audio: NDArray[np.float32], language: str | None = None, **options: Any
    ) -> tuple[Iterable[Segment], TranscriptionInfo]: ...
