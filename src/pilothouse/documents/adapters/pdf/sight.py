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

__all__ = ["SCALE", "Sight"]

SCALE: Final = 1.5
"""Pixels a point at which a page is painted for looking at it."""
TINY: Final = 4.0
MOST: Final = 0.8
DARK_INK: Final = 100
DARK: Final = 160
LITTLE: Final = 200
FAINT: Final = 32
FAR: Final = 150
"""Of 255: colours that differ less than FAINT are one to the eye; more than FAR are never the same ink."""


class Sight:
    """One page as it is painted (height, width, BGR)."""

    def __init__(self, painted: Pixels) -> None:
        import numpy as np

        self.painted = painted
        # By planes: a maximum over the short last axis costs ten times as much.
        self.bright: Any = np.maximum(np.maximum(painted[:, :, 0], painted[:, :, 1]), painted[:, :, 2])

    def why_hidden(self, word: Written) -> str:
        """Return why a word cannot be seen; empty where it can."""
        if word.unpainted:
            return "not painted"
        height, width = self.bright.shape
        left, right = int(word.left * SCALE) - 2, int(word.right * SCALE) + 3
        top, bottom = int(word.top * SCALE) - 2, int(word.bottom * SCALE) + 3
        if right <= 4 or bottom <= 4 or left >= width - 4 or top >= height - 4:
            return "outside of the page"
        letters = sum(map(str.isalnum, word.text))
        if 0 < word.size < TINY or (word.bottom - word.top < 1.2 and letters > 2):
            return "too small to read"
        if letters < 1:
            return ""
        rows, columns = slice(max(0, top), bottom), slice(max(0, left), right)
        if _plainly_seen(word, self.bright[rows, columns]):
            return ""
        return _unseen(word, self.painted[rows, columns])

    def ink_outside(self, words: list[Written]) -> float:
        """Return the ink that stands outside of every word, as a share of all ink; 0 where there is none."""
        dark: Any = self.bright < DARK
        total = int(dark.sum())
        if total < LITTLE:
            return 0.0
        for word in words:
            left, right = max(0, int(word.left * SCALE) - 3), int(word.right * SCALE) + 4
            dark[max(0, int(word.top * SCALE) - 3) : int(word.bottom * SCALE) + 4, left:right] = False
        return float(dark.sum()) / total


def _plainly_seen(word: Written, around: Any) -> bool:
    """Whether a word is dark on light, as nearly all are: three cheap looks instead of six costly ones."""
    ink = max(word.color)
    if ink > DARK_INK or not around.size:
        return False
    darkest, brightest = int(around.min()), int(around.max())
    if darkest > ink + 100 or brightest - darkest < 2 * FAINT:
        return False
    return int((around < ink + FAINT).sum()) < MOST * around.size


def _unseen(word: Written, around: Pixels) -> str:
    import numpy as np

    flat: Any = around.reshape(-1, 3).astype(np.int16)
    if not flat.size or int((flat.max(axis=0) - flat.min(axis=0)).max()) < FAINT:
        return "in the colour of what is behind it"
    color = np.array(word.color[::-1], dtype=np.int16)
    away: Any = np.abs(flat - color).max(axis=1)
    if int(away.min()) > FAR:
        return "covered"
    # Letters cover less than half of their box: what is most there is the paper.
    if len(word.text) > 1 and float((away < FAINT).mean()) > MOST:
        return "in the colour of what is behind it"
    return ""
