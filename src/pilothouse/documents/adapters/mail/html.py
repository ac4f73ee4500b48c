"""Owns HTML as a reader sees it: text in blocks, quotes marked, and what is styled away kept as hidden."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from typing import Final

from pilothouse.documents.adapters.job import Found

__all__ = ["Shown", "shown", "write_html"]

BREAKS: Final = frozenset(
    (
        "address", "article", "aside", "blockquote", "br", "center", "dd", "div", "dl", "dt", "fieldset",
        "footer", "form", "h1", "h2", "h3", "h4", "h5", "h6", "header", "hr", "li", "main", "nav", "ol", "p",
        "pre", "section", "table", "tbody", "tfoot", "thead", "tr", "ul",
    )
)  # fmt: skip
SILENT: Final = frozenset(
    ("head", "script", "style", "template", "noscript", "svg", "math", "object", "iframe")
)
VOID: Final = frozenset(
    (
        "area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "param", "source",
        "track", "wbr",
    )
)  # fmt: skip
HIDING: Final = re.compile(
    r"display\s*:\s*none|visibility\s*:\s*(?:hidden|collapse)|mso-hide\s*:\s*all|opacity\s*:\s*0?\.?0*(?:;|$)"
    r"|font-size\s*:\s*(?:0|[0-3](?:\.\d+)?(?:px|pt)|0?\.[0-4]\d*em)\b|(?:max-)?height\s*:\s*[01](?:px)?\s*(?:;|$)"
    r"|(?:left|top|text-indent|margin-left|margin-top)\s*:\s*-\d{3,}|clip\s*:\s*rect\(\s*0|transform\s*:\s*scale\(0",
    re.IGNORECASE,
)
RULE: Final = re.compile(r"([^{}]{1,500})\{([^{}]{0,2000})\}")
LAST: Final = re.compile(r"[.#]?[\w-]+$")
COLOR: Final = re.compile(r"(?<!-)\bcolor\s*:\s*([^;]+)", re.IGNORECASE)
PAPER: Final = re.compile(r"background(?:-color)?\s*:\s*([^;]+)", re.IGNORECASE)
NAMED: Final = {"white": (255, 255, 255), "black": (0, 0, 0), "transparent": None, "snow": (255, 250, 250)}
QUOTES: Final = re.compile(
    "gmail_quote|yahoo_quoted|moz-cite|protonmail_quote|divRplyFwdMsg|OutlookMessageHeader"
)
MAX_DEPTH: Final = 200
WHITE: Final = (255, 255, 255)
Color = tuple[int, int, int]


class Shown:
    """The text of a page, in runs: (text, hidden, quoted)."""

    def __init__(self) -> None:
        self.runs: list[tuple[str, bool, bool]] = []

    @property
    def visible(self) -> str:
        """What a reader sees."""
        return "".join(text for text, hidden, _ in self.runs if not hidden)

    def add(self, text: str, hidden: bool, quoted: bool) -> None:
        """Add a run, joined to one of its kind."""
        if self.runs and self.runs[-1][1:] == (hidden, quoted):
            self.runs[-1] = (self.runs[-1][0] + text, hidden, quoted)
        else:
            self.runs.append((text, hidden, quoted))


class _Page(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.shown = Shown()
        self.open: list[tuple[str, bool, bool, bool, Color, Color | None]] = []
        self.broken = True
        self.hiding: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in BREAKS:
            self._break()
        elif tag in ("td", "th"):
            self._text("\t")
        if tag in VOID or len(self.open) > MAX_DEPTH:
            return
        fields = {name: value or "" for name, value in attrs}
        style = fields.get("style", "")
        _, hidden, silent, quoted, ink, paper = (
            self.open[-1] if self.open else ("", False, False, False, (0, 0, 0), WHITE)
        )
        ink = _color(COLOR, style) or _named(fields.get("color", "")) or ink
        paper = _color(PAPER, style) or _named(fields.get("bgcolor", "")) or paper
        same = paper is not None and max(abs(a - b) for a, b in zip(ink, paper, strict=True)) < 32
        hidden = hidden or "hidden" in fields or bool(HIDING.search(style)) or same
        hidden = hidden or self._styled_away(tag, fields)
        named = f"{fields.get('class', '')} {fields.get('id', '')}"
        quoted = quoted or tag == "blockquote" or bool(QUOTES.search(named))
        self.open.append((tag, hidden, silent or tag in SILENT, quoted, ink, paper))

    def handle_endtag(self, tag: str) -> None:
        if any(one[0] == tag for one in self.open):
            while self.open and self.open.pop()[0] != tag:
                pass
        if tag in BREAKS:
            self._break()

    def _styled_away(self, tag: str, fields: dict[str, str]) -> bool:
        """Whether a rule of the page's own style sheet hides an element: by class, id or kind."""
        names = {tag, f"#{fields.get('id', '')}", *(f".{name}" for name in fields.get("class", "").split())}
        return bool(self.hiding & names)

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1][0] == "style":
            self._rules(data[:100_000])
        if self.open and self.open[-1][2]:
            return
        words = re.sub(r"\s+", " ", data)
        self._text(words.lstrip() if self.broken else words)

    def _rules(self, sheet: str) -> None:
        for selectors, rule in RULE.findall(sheet):
            if not HIDING.search(rule):
                continue
            for one in selectors.split(","):
                # The last simple selector names what is hidden; what must stand above it is not looked at.
                last = LAST.search(one.strip())
                self.hiding |= {last.group()} if last else set()

    def _text(self, text: str) -> None:
        if text:
            _, hidden, _, quoted, _, _ = (
                self.open[-1] if self.open else ("", False, False, False, WHITE, None)
            )
            self.shown.add(text, hidden, quoted)
            self.broken = text.endswith(("\n", "\t"))

    def _break(self) -> None:
        if not self.broken:
            self._text("\n")


def _color(pattern: re.Pattern[str], style: str) -> Color | None:
    found = pattern.search(style)
    return _named(found.group(1)) if found else None


def _named(text: str) -> Color | None:
    text = text.strip().lower().removesuffix("!important").strip()
    if text in NAMED:
        return NAMED[text]
    if match := re.fullmatch(r"#?([0-9a-f]{6}|[0-9a-f]{3})", text):
        digits = match.group(1)
        digits = digits if len(digits) == 6 else "".join(2 * d for d in digits)
        return int(digits[:2], 16), int(digits[2:4], 16), int(digits[4:], 16)
    if match := re.match(r"rgba?\(\s*(\d+)[\s,]+(\d+)[\s,]+(\d+)", text):
        red, green, blue = (min(255, int(part)) for part in match.groups())
        return red, green, blue
    return None


def shown(html: str) -> Shown:
    """Return the text of a page as it shows, without running or loading anything."""
    page = _Page()
    page.feed(html)
    page.close()
    return page.shown


def write_html(found: Found, html: str) -> None:
    """Write what shows in blocks, and behind it what does not."""
    from pilothouse.documents.adapters.plain import paragraphs

    page = shown(html)
    for text, hidden, quoted in page.runs:
        if hidden or not text:
            continue
        if quoted:
            start = found.writing.length
            found.writing.write(text)
            found.writing.block("quoted", start)
        else:
            paragraphs(found, text)
    secret = " ".join(text.strip() for text, hidden, _ in page.runs if hidden and text.strip())
    if secret:
        found.notice("hidden_text", f"styled so that nobody sees it: {secret[:200]!r}")
        found.writing.write("\n\n")
        found.writing.place(secret, hidden=True)
