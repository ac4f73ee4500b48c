"""Speech on its real weights: what was said, when, and what a person has to confirm."""

from __future__ import annotations

import io
import random
import wave
from collections.abc import Iterator
from pathlib import Path

import pytest

from pilothouse.app import open_transcriber
from pilothouse.documents import Place
from pilothouse.kernel import DataError, LimitError
from pilothouse.models.adapters.whisper import WhisperTranscriber
from pilothouse.registry.packs import Packs

SPOKEN = Path(__file__).parents[2] / "data" / "speech"
HINTS = ("container", "MSKU", "carrier", "gate", "customs declaration")


@pytest.fixture(scope="module")
def whisper(model_packs: Packs) -> Iterator[WhisperTranscriber]:
    made = WhisperTranscriber(model_packs.open("whisper-base"), longest=30)
    yield made
    made.close()


async def test_words_are_heard_with_their_seconds(whisper: WhisperTranscriber) -> None:
    heard = await whisper.transcribe((SPOKEN / "release.ogg").read_bytes(), hints=HINTS)
    said = heard.text.lower()
    for word in ("please", "release", "container", "carrier", "monday"):
        assert word in said
    assert all(0 <= a.start <= a.end <= heard.seconds + 0.5 for a in heard.words)
    assert [word.start for word in heard.words] == sorted(word.start for word in heard.words)
    assert 0 < heard.speech_seconds <= heard.seconds
    assert heard.language == "en"
    assert heard.measured


async def test_what_is_most_often_wrong_is_marked(whisper: WhisperTranscriber) -> None:
    heard = await whisper.transcribe((SPOKEN / "release.ogg").read_bytes(), hints=HINTS)
    digits = [word for word in heard.words if any(letter.isdigit() for letter in word.text)]
    assert digits, "the container number was not heard at all"
    assert all(word.confirm for word in digits)
    plain = [word for word in heard.words if word.text.lower().strip(".,") in {"please", "the", "monday"}]
    assert plain
    assert not any(word.confirm for word in plain)


async def test_documents_get_nothing_to_build_on_where_a_person_must_confirm(model_packs: Packs) -> None:
    transcriber = open_transcriber(hints=HINTS, packs=model_packs)
    heard = await transcriber.transcribe((SPOKEN / "release.ogg").read_bytes(), media_type="audio/ogg")
    assert {one.confidence for one in heard if any(letter.isdigit() for letter in one.text)} == {0.0}
    assert max(one.confidence for one in heard) > 0.5
    assert Place(seconds=(heard[0].start, heard[0].end)).seconds is not None
    assert transcriber.version.startswith("whisper-base@1.0.0+")
    with pytest.raises(DataError) as caught:
        await transcriber.transcribe(b"no recording", media_type="audio/ogg")
    assert caught.value.code == "documents.damaged"


def _wav(seconds: float, *, noise: bool) -> bytes:
    out = io.BytesIO()
    lot = random.Random(3)
    with wave.open(out, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(8000)
        count = int(8000 * seconds)
        low = (lot.randrange(-300, 300).to_bytes(2, "little", signed=True) for _ in range(count))
        file.writeframes(b"".join(low) if noise else bytes(2 * count))
    return out.getvalue()


@pytest.mark.parametrize("noise", [False, True])
async def test_where_nobody_speaks_nothing_is_invented(whisper: WhisperTranscriber, noise: bool) -> None:
    heard = await whisper.transcribe(_wav(4, noise=noise), hints=HINTS)
    assert heard.words == ()
    assert heard.seconds == pytest.approx(4, abs=0.1)


async def test_a_recording_that_is_too_long_is_refused(whisper: WhisperTranscriber) -> None:
    with pytest.raises(LimitError) as caught:
        await whisper.transcribe(_wav(40, noise=False))
    assert caught.value.code == "models.audio_long"


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"RIFF" + bytes(200),
        random.Random(5).randbytes(5000),
        b"#EXTM3U\nfile:///etc/passwd\n",
        b"ffconcat version 1.0\nfile /etc/passwd\n",
    ],
    ids=["empty", "header", "noise", "playlist", "concat"],
)
async def test_what_is_no_recording_is_a_typed_error(whisper: WhisperTranscriber, data: bytes) -> None:
    with pytest.raises(DataError) as caught:
        await whisper.transcribe(data)
    assert caught.value.code == "models.no_audio"
