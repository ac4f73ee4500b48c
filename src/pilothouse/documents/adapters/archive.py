"""Owns the look into an archive before anything in it is opened: how much it holds, and whether it lies."""

from __future__ import annotations

import io
import zipfile

from pilothouse.documents.adapters.job import Job, Refusal

__all__ = ["checked"]

MAX_FILES = 10_000
SMALL = 4 * 1024 * 1024
"""An archive that holds less than this may be packed as tightly as it likes."""


def checked(job: Job, data: bytes) -> list[str]:
    """Return the names inside an archive whose size is within the limits.

    Raises:
        Refusal: ``too_large``, ``damaged`` or ``encrypted``.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            infos = archive.infolist()
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError) as error:
        raise Refusal("damaged", f"the archive cannot be opened: {error}") from error
    if len(infos) > MAX_FILES:
        raise Refusal("too_large", f"the archive holds {len(infos)} files, over the limit of {MAX_FILES}")
    if any(info.flag_bits & 1 for info in infos):
        raise Refusal("encrypted", "the archive is behind a password")
    total = sum(info.file_size for info in infos)
    if total > job.expanded_left or total > max(SMALL, job.limits.ratio * len(data)):
        raise Refusal(
            "too_large",
            f"the archive of {len(data)} bytes holds {total}; the limits are {job.limits.expanded} bytes "
            f"and {job.limits.ratio} times its size",
        )
    _unpacked(data, infos)
    job.expanded_left -= total
    return [info.filename for info in infos]


def _unpacked(data: bytes, infos: list[zipfile.ZipInfo]) -> None:
    """Unpack once and throw it away: what the directory says of sizes and sums must be so."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            for info in infos:
                _drain(archive, info)
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError, EOFError) as error:
        raise Refusal("damaged", f"the archive is not what its directory says: {error}") from error
    except Exception as error:
        # zlib.error has no common base with the others.
        raise Refusal("damaged", f"the archive cannot be unpacked: {error}") from error


def _drain(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> None:
    with archive.open(info) as file:
        while file.read(1 << 20):
            pass
