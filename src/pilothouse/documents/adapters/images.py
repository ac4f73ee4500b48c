"""Owns pictures as documents: decoded within limits, then recognised page by page."""

from __future__ import annotations

import io
import warnings
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from pilothouse.documents.adapters.job import Found, Job, Refusal
from pilothouse.documents.adapters.ocr import VERSION, read_pixels

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from PIL.Image import Image

__all__ = ["FORMATS", "frames", "pixels_of", "read_image"]

FORMATS = ("PNG", "JPEG", "TIFF", "BMP", "GIF", "WEBP")


def frames(data: bytes, *, pixels: int, most: int) -> Iterator[Image]:
    """Yield the pages of an image, upright as its metadata say.

    Raises:
        Refusal: ``damaged`` or ``too_large``, by the header, before anything is decoded.
    """
    from PIL import Image, ImageOps, ImageSequence, UnidentifiedImageError

    Image.MAX_IMAGE_PIXELS = None
    try:
        with warnings.catch_warnings(), Image.open(io.BytesIO(data), formats=FORMATS) as image:
            warnings.simplefilter("ignore")
            count = getattr(image, "n_frames", 1) if image.format == "TIFF" else 1
            if count > most:
                raise Refusal("too_large", f"the image has {count} pages, over the limit of {most}")
            for n, frame in enumerate(ImageSequence.Iterator(image)):
                if n == count:
                    break
                if frame.width * frame.height > pixels:
                    size = f"{frame.width} x {frame.height}"
                    raise Refusal("too_large", f"the image has {size} pixels, over the limit of {pixels}")
                yield ImageOps.exif_transpose(frame)
    except UnidentifiedImageError as error:
        raise Refusal("damaged", "the image cannot be decoded") from error
    except (OSError, ValueError, SyntaxError, EOFError, TypeError, KeyError, IndexError) as error:
        raise Refusal("damaged", f"the image cannot be decoded: {error}") from error


def pixels_of(image: Image) -> NDArray[np.uint8]:
    """Return an image as (height, width, BGR); what is transparent is paper."""
    import numpy as np
    from PIL import Image as images

    if image.mode.startswith("I;16") or image.mode in ("I", "F"):
        values: Any = np.asarray(image, dtype=np.float64)
        span = float(values.max() - values.min()) or 1.0
        image = images.fromarray(((values - values.min()) / span * 255).astype(np.uint8))
    flat = image.convert("RGBA") if "A" in image.getbands() or "transparency" in image.info else None
    if flat is not None:
        paper = images.new("RGBA", flat.size, (255, 255, 255, 255))
        image = images.alpha_composite(paper, flat)
    return np.ascontiguousarray(np.asarray(image.convert("RGB"))[:, :, ::-1])


def read_image(job: Job, data: bytes, media_type: str) -> Found:
    """Read every page of an image."""
    found = job.found(media_type, VERSION)
    for number, frame in enumerate(frames(data, pixels=job.limits.pixels, most=job.limits.pages), 1):
        found.pages.append([number, frame.width, frame.height, "ocr"])
        if job.ocr_left <= 0:
            found.notice("ocr_limit", f"page {number} was not recognised: over the limit", page=number)
            continue
        job.ocr_left -= 1
        reading = read_pixels(pixels_of(frame))
        if reading.angle:
            found.notice("turned", f"turned by {reading.angle} degrees", page=number)
        if not reading.rows:
            found.notice("no_text", "no text was recognised", page=number)
            continue
        if found.writing.length:
            found.writing.write("\n\n")
        found.writing.lines(reading.rows, number)
    return found
