"""Owns what of a text layer a reader can see: measured on the page as it is painted.

A word is hidden where nothing is painted (render mode, colour of the paper, covered, transparent), where it
is under four points, or outside of the page. Paint decides, not the file's own account of it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from pilothouse.documents.adapters.pdf.layer import Written

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Pixels = NDArray[np.uint8]

__all__ = ["SCALE", "ink_outside", "why_hidden"]

SCALE: Final = 1.5
"""Pixels a point at which a page is painted for looking at it."""
TINY: Final = 4.0
FAINT: Final = 32
FAR: Final = 150
"""Of 255: colours that differ less than FAINT are one to the eye; more than FAR are never the same ink."""


def why_hidden(word: Written, painted: Pixels) -> str:
    """Return why a word cannot be seen; empty where it can."""
    if word.unpainted:
        return "not painted"
    height, width = painted.shape[:2]
    left, right = int(word.left * SCALE) - 2, int(word.right * SCALE) + 3
    top, bottom = int(word.top * SCALE) - 2, int(word.bottom * SCALE) + 3
    if right <= 4 or bottom <= 4 or left >= width - 4 or top >= height - 4:
        return "outside of the page"
    if 0 < word.size < TINY or (word.bottom - word.top < 1.2 and sum(map(str.isalnum, word.text)) > 2):
        return "too small to read"
    if sum(map(str.isalnum, word.text)) < 1:
        return ""
    return _unseen(word, painted[max(0, top) : bottom, max(0, left) : right])


def _unseen(word: Written, around: Pixels) -> str:
    import numpy as np

    flat: Any = around.reshape(-1, 3).astype(np.int16)
    if int((flat.max(axis=0) - flat.min(axis=0)).max()) < FAINT:
        return "in the colour of what is behind it"
    color = np.array(word.color[::-1], dtype=np.int16)
    away: Any = np.abs(flat - color).max(axis=1)
    if int(away.min()) > FAR:
        return "covered"
    # Letters cover less than half of their box: what is most there is the paper.
    if len(word.text) > 1 and float((away < FAINT).mean()) > 0.8:
        return "in the colour of what is behind it"
    return ""


def ink_outside(words: list[Written], painted: Pixels) -> float:
    """Return the ink that stands outside of every word, as a share of all ink; 0 where there is none."""
    import numpy as np

    dark: Any = painted.max(axis=2).astype(np.int16) < 160
    total = int(dark.sum())
    if total < 200:
        return 0.0
    for word in words:
        left, right = max(0, int(word.left * SCALE) - 3), int(word.right * SCALE) + 4
        dark[max(0, int(word.top * SCALE) - 3) : int(word.bottom * SCALE) + 4, left:right] = False
    return float(dark.sum()) / total
