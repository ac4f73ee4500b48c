"""Owns recognition of text on images, by RapidOCR with the weights of its wheel; nothing is downloaded.

A page on its side or its head is turned first; lines that lie askew are turned by their median angle before
they are put into rows. Boxes are always those of the image as it was given.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from pilothouse.documents.writing import Word, rows

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Pixels = NDArray[np.uint8]

__all__ = ["VERSION", "Reading", "read_pixels"]

VERSION: Final = "rapidocr@3.10.0-ppocrv6"
MAX_SIDE: Final = 2000
SURE_ENOUGH: Final = 0.5
SLIGHT: Final = 0.5
UNSURE: Final = 2.0
FEW: Final = 3
"""Degrees below which a page counts as straight; more where there are few lines to tell it by."""
NARROW, WIDE = frozenset("iljtfrI.,:;'|!()[] "), frozenset("mwMW%@")
Point = tuple[float, float]
Quad = tuple[Point, Point, Point, Point]
"""Corners of a line of text: top left, top right, bottom right, bottom left, as it reads."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What was recognised on one image.

    Attributes:
        rows: Words as lines from top to bottom, in pixels of the image as it was given.
        angle: Degrees by which the page was turned.
    """

    rows: list[list[Word]]
    angle: float


@cache
def _engine() -> Any:
    import os

    import rapidocr
    from rapidocr import RapidOCR

    models = Path(rapidocr.__file__).parent / "models"
    return RapidOCR(
        params={
            "Global.log_level": "error",
            "Global.max_side_len": MAX_SIDE,
            "EngineConfig.onnxruntime.intra_op_num_threads": min(2, os.cpu_count() or 1),
            "Det.model_path": str(models / "PP-OCRv6_det_small.onnx"),
            "Rec.model_path": str(models / "PP-OCRv6_rec_small.onnx"),
            "Cls.model_path": str(models / "ch_ppocr_mobile_v2.0_cls_mobile.onnx"),
        }
    )


def read_pixels(pixels: Pixels) -> Reading:
    """Return the words on an image (height, width, BGR)."""
    import numpy as np

    size = (pixels.shape[1], pixels.shape[0])
    crops, quads = _detect(pixels)
    quarter = _lies_on_its_side(quads)
    if quarter:
        pixels = np.ascontiguousarray(np.rot90(pixels))
        crops, quads = _detect(pixels)
    if not quads:
        return Reading(rows=[], angle=0.0)
    shown = (pixels.shape[1], pixels.shape[0])
    facing, heads = _facing(crops, quads)
    said: Any = _engine().recognize_txt(facing)
    lines = [
        (_upright(quad, shown) if heads else quad, str(text).strip(), float(score))
        for quad, text, score in zip(quads, said.txts, said.scores, strict=True)
        if str(text).strip() and score >= SURE_ENOUGH
    ]
    angle = _median_angle([quad for quad, _, _ in lines])
    straight: dict[int, Word] = {}
    flat: list[Word] = []
    for quad, text, score in lines:
        for word, part in _words(text, quad):
            real = _back(part, heads=heads, quarter=quarter, shown=shown, size=size)
            turned = tuple(_turned(point, -angle, shown) for point in part)
            flat.append(_word(word, turned, score))
            straight[id(flat[-1])] = _word(word, real, score)
    ordered = [[straight[id(word)] for word in line] for line in rows(flat)]
    return Reading(rows=ordered, angle=round(angle + 90 * quarter + 180 * heads, 2))


def _detect(pixels: Pixels) -> tuple[list[Pixels], list[Quad]]:
    engine = _engine()
    small, record = engine.preprocess_img(pixels)
    ratio = record["preprocess"]
    try:
        crops, found = engine.detect_and_crop(small, record)
    except Exception as error:
        # The class is private to its module; it says that there is no text at all.
        if type(error).__name__ == "RapidOCRError":
            return [], []
        raise
    pad = record["padding_1"]
    quads: list[Quad] = []
    for box in found.boxes:
        corners = [
            ((float(x) - pad["left"]) * ratio["ratio_w"], (float(y) - pad["top"]) * ratio["ratio_h"])
            for x, y in box
        ]
        quads.append((corners[0], corners[1], corners[2], corners[3]))
    return list(crops), quads


def _sides(quad: Quad) -> tuple[float, float]:
    return math.dist(quad[0], quad[1]), math.dist(quad[1], quad[2])


def _lies_on_its_side(quads: Sequence[Quad]) -> bool:
    long = [quad for quad in quads if max(_sides(quad)) > 2.5 * min(_sides(quad))]
    standing = [quad for quad in long if _sides(quad)[1] > _sides(quad)[0]]
    return len(long) >= 3 and len(standing) > 0.6 * len(long)


def _facing(crops: Sequence[Pixels], quads: Sequence[Quad]) -> tuple[list[Pixels], bool]:
    """Return the lines the right way up, and whether the page as a whole stands on its head.

    The page decides for its lines: the classifier errs on single ones, above all on short ones.
    """
    import numpy as np

    each, judged = _engine().cls_and_rotate(list(crops))
    votes = [
        (label == "180", _sides(quad)[0])
        for quad, (label, score) in zip(quads, judged.cls_res, strict=True)
        if score > 0.9 and _sides(quad)[0] > 3 * _sides(quad)[1]
    ]
    heads = sum(weight for down, weight in votes if down) > 0.5 * sum(weight for _, weight in votes)
    facing: list[Pixels] = []
    for crop, turned, quad in zip(crops, each, quads, strict=True):
        stands = _sides(quad)[1] > 1.5 * _sides(quad)[0]
        page = np.ascontiguousarray(np.rot90(crop, 2)) if heads else crop
        facing.append(turned if stands else page)
    return facing, heads


def _upright(quad: Quad, shown: tuple[int, int]) -> Quad:
    a, b, c, d = ((shown[0] - x, shown[1] - y) for x, y in quad)
    return c, d, a, b


def _median_angle(quads: Sequence[Quad]) -> float:
    """Degrees, weighted by length; short lines say nothing about direction."""
    known = sorted(
        (math.degrees(math.atan2(b[1] - a[1], b[0] - a[0])), math.dist(a, b))
        for a, b, c, _ in quads
        if math.dist(a, b) > 3 * math.dist(b, c)
    )
    half, total = sum(weight for _, weight in known) / 2, 0.0
    for angle, weight in known:
        total += weight
        if total >= half:
            return angle if abs(angle) > (SLIGHT if len(known) >= FEW else UNSURE) else 0.0
    return 0.0


def _turned(point: Point, degrees: float, shown: tuple[int, int]) -> Point:
    turn, x, y = math.radians(degrees), point[0] - shown[0] / 2, point[1] - shown[1] / 2
    return x * math.cos(turn) - y * math.sin(turn), x * math.sin(turn) + y * math.cos(turn)


def _words(text: str, quad: Quad) -> Iterator[tuple[str, Quad]]:
    """Cut a line into its words, each as wide as its letters are in print."""
    (a, b, c, d), total = quad, sum(map(_width, text))
    done = 0.0
    for n, word in enumerate(text.split(" ")):
        done += _width(" ") if n else 0.0
        begin, done = done, done + sum(map(_width, word))
        if word:
            left, right = begin / total, done / total
            yield (
                word,
                (_between(a, b, left), _between(a, b, right), _between(d, c, right), _between(d, c, left)),
            )


def _width(letter: str) -> float:
    return 0.5 if letter in NARROW else 1.5 if letter in WIDE else 1.0


def _between(a: Point, b: Point, share: float) -> Point:
    return a[0] + (b[0] - a[0]) * share, a[1] + (b[1] - a[1]) * share


def _back(
    quad: Quad, *, heads: bool, quarter: bool, shown: tuple[int, int], size: tuple[int, int]
) -> tuple[Point, ...]:
    """Where the corners are on the image as it was given."""
    points: Sequence[Point] = _upright(quad, shown) if heads else quad
    if quarter:
        points = [(size[0] - y, x) for x, y in points]
    return tuple((min(max(x, 0.0), size[0]), min(max(y, 0.0), size[1])) for x, y in points)


def _word(text: str, points: Sequence[Point], score: float) -> Word:
    xs, ys = [x for x, _ in points], [y for _, y in points]
    return Word(text, min(xs), min(ys), max(xs), max(ys), confidence=min(1.0, score))
