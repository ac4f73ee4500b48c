"""Score owns the figures: right, wrong releases, needless blocks, reasons, evidence, look-ups, minutes."""

from pilothouse_port.score.measure import Line, Score, read_lines, score
from pilothouse_port.score.reread import reread
from pilothouse_port.score.stats import Rate, upper_bound

__all__ = ["Line", "Rate", "Score", "read_lines", "reread", "score", "upper_bound"]
