"""Owns a timeline as a waterfall: when something ran is drawn to scale, when nothing did is folded."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from xml.sax.saxutils import escape

from pilothouse.traces.drawing.pictures import PAPER, STYLE, text_at
from pilothouse.traces.timeline import Moment, Timeline

__all__ = ["Scale", "lasting", "scaled", "timeline_svg", "words_of"]

FOLD = 0.08
"""A stretch in which nothing ran is drawn at most this wide."""
ROW, NAMES, BARS = 22, 330, 560


@dataclass(frozen=True, slots=True, kw_only=True)
class Scale:
    """Where a time is drawn, between 0 and 1.

    Attributes:
        times: Unix seconds at which something began or ended, sorted.
        places: Where each is drawn.
        folds: Places at which idle time was cut out, and its seconds.
    """

    times: tuple[float, ...]
    places: tuple[float, ...]
    folds: tuple[tuple[float, float], ...]

    def at(self, when: datetime) -> float:
        """Return the place of a time."""
        seconds = when.timestamp()
        index = bisect_right(self.times, seconds) - 1
        if index < 0:
            return 0.0
        if index >= len(self.times) - 1:
            return 1.0
        span = self.times[index + 1] - self.times[index]
        share = (seconds - self.times[index]) / span if span else 0.0
        return self.places[index] + share * (self.places[index + 1] - self.places[index])


def scaled(moments: Sequence[Moment], *, now: datetime | None = None) -> Scale:
    """Return the scale of a timeline: stretches in which only waits lasted are folded."""
    end = (now or datetime.now(UTC)).timestamp()
    lasted = [(m.at.timestamp(), m.until.timestamp() if m.until else end) for m in moments if not m.waits]
    marks = sorted({when for pair in lasted for when in pair} | {m.at.timestamp() for m in moments})
    if len(marks) < 2:
        return Scale(times=(0.0, 1.0), places=(0.0, 1.0), folds=())
    busy = _busy(marks, lasted)
    steps = [(b - a, ran) for a, b, ran in zip(marks, marks[1:], busy, strict=False)]
    work = sum(step for step, ran in steps if ran) or sum(step for step, _ in steps)
    widths = [step if ran else min(step, FOLD * work) for step, ran in steps]
    whole = sum(widths) or 1.0
    places, folds, place = [0.0], list[tuple[float, float]](), 0.0
    for width, (step, ran) in zip(widths, steps, strict=True):
        place += width / whole
        places.append(place)
        if not ran and width < step:
            folds.append((place - width / whole / 2, step))
    return Scale(times=tuple(marks), places=tuple(places), folds=tuple(folds))


def _busy(marks: Sequence[float], lasted: Sequence[tuple[float, float]]) -> list[bool]:
    """Return for each stretch between two marks whether anything ran in it."""
    changes = dict.fromkeys(marks, 0)
    for began, ended in lasted:
        changes[began] += 1
        changes[ended] -= 1
    running, found = 0, list[bool]()
    for mark in marks[:-1]:
        running += changes[mark]
        found.append(running > 0)
    return found


def timeline_svg(line: Timeline) -> str:
    """Return the timeline as a picture that stands alone."""
    scale = scaled(line.moments, now=line.ended)
    height = 70 + ROW * len(line.moments)
    head = f"{line.workflow} · {line.state} · run {line.run}"
    tokens_in, tokens_out = line.tokens
    sums = f"{tokens_in} tokens in, {tokens_out} out, cost {line.cost}" if tokens_in or tokens_out else ""
    parts = [text_at(20, 26, head, most=110), text_at(20, 44, sums, style="d", most=110)]
    for place, seconds in scale.folds:
        x = NAMES + 20 + place * BARS
        parts.append(
            f'<line class="e" x1="{x:.1f}" y1="56" x2="{x:.1f}" y2="{height - 6}" stroke-dasharray="2 4"/>'
        )
        parts.append(text_at(x - 12, 60, f"{lasting(seconds)}", style="d"))
    for number, moment in enumerate(line.moments):
        parts.append(_bar(moment, scale, 70 + number * ROW))
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {NAMES + BARS + 210} {height}" role="img">'
        f"<title>{escape(head)}</title><style>{STYLE}</style>{PAPER}{''.join(parts)}</svg>\n"
    )


def _bar(moment: Moment, scale: Scale, y: float) -> str:
    left = scale.at(moment.at)
    right = scale.at(moment.until) if moment.until else 1.0
    style = "err" if moment.outcome == "error" else "w" if moment.waits else "s"
    x, width = NAMES + 20 + left * BARS, max(2.0, (right - left) * BARS)
    doubt = ' class="d"' if moment.foreign else ""
    name = text_at(20 + 12 * min(moment.depth, 10), y + 14, words_of(moment), most=46 - min(moment.depth, 10))
    bar = f'<rect class="{style}" x="{x:.1f}" y="{y + 4}" width="{width:.1f}" height="12" rx="2"/>'
    return f"<g{doubt}>{name}{bar}{text_at(NAMES + BARS + 30, y + 14, _tail(moment), style='d', most=28)}</g>"


def _tail(moment: Moment) -> str:
    parts = [lasting(moment.seconds)] if moment.seconds is not None else []
    parts += [moment.code or moment.outcome] if moment.outcome not in ("", "ok") or moment.code else []
    parts += [f"{moment.tokens_in}+{moment.tokens_out} tok"] if moment.tokens_in or moment.tokens_out else []
    return " ".join(parts)


def words_of(moment: Moment) -> str:
    """Return what a line is called: its kind where that says more, its name, who, and retries."""
    parts = (
        [moment.kind]
        if moment.kind in ("gate", "signal", "sleep", "child", "tool", "model", "answer")
        else []
    )
    parts += [moment.name or ("(hidden)" if moment.withheld else "")]
    parts += [f"by {moment.who}"] if moment.who and moment.kind == "answer" else []
    parts += [f"[from {moment.who}, untrusted]"] if moment.foreign else []
    parts += [f"({moment.attempts} tries)"] if moment.attempts > 1 else []
    return " ".join(part for part in parts if part)


def lasting(seconds: float) -> str:
    """Return a duration in the unit a person would use."""
    if seconds < 1:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 120:
        return f"{seconds:.1f} s"
    if seconds < 7200:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.0f} h" if seconds < 172_800 else f"{seconds / 86_400:.0f} days"
