"""Speech on this machine: errors a word, cost a second of audio, and what is marked for confirmation.

Made sentences of a harbour, spoken by espeak-ng (a robot: people differ), clean and with noise. Ours: decoded
in a cage, cut at silences, hints. Peer: faster-whisper called plainly with the same weights, beam, precision.
"""

from __future__ import annotations

import asyncio
import io
import os
import random
import re
import resource
import shutil
import subprocess
import wave
from typing import Any

from pilothouse.app import go_offline, open_packs
from pilothouse.models.adapters.whisper import WhisperTranscriber

HINTS = (
    "container",
    "reefer",
    "gate",
    "customs declaration",
    "consignee",
    "seal",
    "pallets",
    "demurrage",
    "berth",
)
SPOKEN = (
    "Please release the container to the carrier on Monday.",
    "The reefer stood at nine degrees for two hours.",
    "Gate three is closed because of strong wind.",
    "The customs declaration for the ceramic tiles is missing.",
    "There are twenty three pallets in the warehouse and four of them are damaged.",
    "The seal is broken and the door was open this morning.",
    "Do not release the box before the invoice is paid.",
    "The consignee asks for a copy of the bill of lading.",
    "The vessel is expected at berth four on Tuesday morning.",
    "Demurrage is charged after five free days.",
    "The driver waits at the gate since seven o'clock.",
    "We found water in the container and took pictures.",
)
NUMBERS = {"three": "3", "four": "4", "five": "5", "seven": "7", "nine": "9", "two": "2", "twenty": "20"}


def _speech(words: str, *, noise: float) -> bytes:
    command = ["espeak-ng", "-v", "en-us", "-s", "150", "--stdout", words]
    made = subprocess.run(command, capture_output=True, check=True).stdout
    with wave.open(io.BytesIO(made)) as file:
        rate, frames = file.getframerate(), file.readframes(file.getnframes())
    if noise:
        import numpy as np

        samples = np.frombuffer(frames, np.int16).astype(np.float32)
        lot = np.random.default_rng(len(words))
        loud = float(np.sqrt((samples**2).mean())) * noise
        mixed = samples + lot.normal(0, loud, len(samples))
        frames = np.clip(mixed, -32768, 32767).astype(np.int16).tobytes()
    out = io.BytesIO()
    with wave.open(out, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(frames)
    return out.getvalue()


def _words(text: str) -> list[str]:
    text = text.lower().replace("twenty three", "23").replace("o'clock", "")
    found = re.findall(r"[a-z0-9']+", text)
    return [NUMBERS.get(word, word) for word in found if word not in {"00"}]


def _errors(said: str, heard: str) -> tuple[int, int]:
    """Edit distance over words, and the number of words said."""
    a, b = _words(said), _words(heard)
    row = list(range(len(b) + 1))
    for i, left in enumerate(a, 1):
        above, row[0] = row[0], i
        for j, right in enumerate(b, 1):
            above, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, above + (left != right))
    return row[-1], len(a)


def _cpu() -> float:
    mine, theirs = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return mine.ru_utime + mine.ru_stime + theirs.ru_utime + theirs.ru_stime


async def _main() -> None:
    if shutil.which("espeak-ng") is None:
        print("not measured: espeak-ng is not installed, so nobody speaks")
        return
    go_offline()
    pack = open_packs().open("whisper-base")
    ours, peer = WhisperTranscriber(pack), _plain(str(pack.path("model.bin").parent))
    await ours.transcribe(_speech("Warm up.", noise=0))
    peer(_speech("Warm up.", noise=0))
    for name, noise in (("clean", 0.0), ("noise at 10 dB", 0.316)):
        figures: dict[str, list[float]] = {"ours": [0, 0, 0], "peer": [0, 0, 0]}
        seconds = marked = wrong = caught = 0.0
        for said in SPOKEN:
            audio = _speech(said, noise=noise)
            began = _cpu()
            heard = await ours.transcribe(audio, hints=HINTS)
            _add(figures["ours"], _errors(said, heard.text), _cpu() - began)
            began = _cpu()
            plain = peer(audio)
            _add(figures["peer"], _errors(said, plain), _cpu() - began)
            seconds += heard.seconds
            numbers = {word for word in _words(said) if word[0].isdigit()}
            got = {part for word in heard.words for part in _words(word.text)}
            sure = {part for word in heard.words if not word.confirm for part in _words(word.text)}
            marked += len(heard.to_confirm)
            wrong += len(numbers - got)
            caught += bool(numbers & sure)
        print(f"{name}, {len(SPOKEN)} sentences, {seconds:.0f} s")
        for who, (errors, words, cpu) in figures.items():
            print(
                f"  {who}: word errors {100 * errors / words:5.1f} %, "
                f"{cpu / seconds:.2f} CPU-s a second of audio"
            )
        print(
            f"  marked for confirmation {marked:.0f} words; "
            f"numbers lost {wrong:.0f}, numbers unmarked {caught:.0f}"
        )


def _add(figures: list[float], errors: tuple[int, int], cpu: float) -> None:
    figures[0] += errors[0]
    figures[1] += errors[1]
    figures[2] += cpu


def _plain(folder: str) -> Any:
    from faster_whisper import WhisperModel

    model = WhisperModel(folder, device="cpu", compute_type="int8", cpu_threads=1, local_files_only=True)

    def hear(audio: bytes) -> str:
        found, _ = model.transcribe(io.BytesIO(audio), language="en", beam_size=5)
        return " ".join(segment.text for segment in found)

    return hear


if __name__ == "__main__":
    random.seed(0)
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    asyncio.run(_main())
