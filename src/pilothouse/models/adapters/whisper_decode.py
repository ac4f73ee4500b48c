"""Owns decoding a stranger's recording: a file on standard input becomes samples on standard output.

Run in a cage, as a file of its own: decoders of foreign bytes are where a recording would attack. Output is
16-bit little-endian mono at 16 kHz, and never more than the seconds given as the only argument.
"""

from __future__ import annotations

import io
import sys

__all__: list[str] = []

RATE = 16_000


def _main(most: float) -> None:
    import av

    left = int(most * RATE) + RATE  # a second more, so that the caller sees that it was too long
    out = sys.stdout.buffer
    with av.open(io.BytesIO(sys.stdin.buffer.read()), mode="r", metadata_errors="ignore") as container:
        resampler = av.AudioResampler(format="s16", layout="mono", rate=RATE)

        for frame in container.decode(audio=0):
            for ready in resampler.resample(frame):
                samples = ready.to_ndarray().tobytes()[: left * 2]
                out.write(samples)
                left -= len(samples) // 2
            if left <= 0:
                return
        for ready in resampler.resample(None):
            out.write(ready.to_ndarray().tobytes()[: left * 2])


if __name__ == "__main__":
    _main(float(sys.argv[1]))
