"""Owns the EDIFACT mailboxes: CUSRES, IFTDGN and VERMAS as parties of different directories write them.

Written from the published message structures. An interchange is one file; several messages to each.
"""

from __future__ import annotations

import textwrap
import unicodedata
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, Final, TypeAlias

from pilothouse_port.world.systems.render.cells import as_text, local
from pilothouse_port.world.systems.render.damage import damaged
from pilothouse_port.world.views import EDIFACT_FIELDS, Cell, SystemView

__all__ = ["CHARSETS", "Separators", "carried", "write_interchanges"]

Element: TypeAlias = "str | tuple[str, ...]"
Segment: TypeAlias = "tuple[Element, ...]"
Values: TypeAlias = "dict[str, str]"

CHARSETS: Final = {
    "UNOA": "ascii",
    "UNOB": "ascii",
    "UNOC": "latin-1",
    "UNOD": "iso8859-2",
    "UNOE": "iso8859-5",
    "UNOY": "utf-8",
}
_OLD_WIDTH: Final = 70  # an FTX component up to D.96A
_WIDTH: Final = 512


@dataclass(frozen=True, slots=True, kw_only=True)
class Separators:
    """The service characters of one interchange, in the order of UNA."""

    component: str = ":"
    element: str = "+"
    decimal: str = "."
    release: str = "?"
    terminator: str = "'"

    @classmethod
    def of(cls, una: str) -> Separators:
        """Read them from a UNA segment of nine characters; without one the defaults stand."""
        if not una:
            return cls()
        return cls(component=una[3], element=una[4], decimal=una[5], release=una[6], terminator=una[8])

    def escape(self, text: str) -> str:
        """Put the release character before every character that would be read as a separator."""
        special = {self.component, self.element, self.release, self.terminator}
        return "".join(self.release + char if char in special else char for char in text)

    def write(self, segment: Segment) -> str:
        """One segment with its terminator; empty elements at the end are left out, as the standard says."""
        parts = [
            self.component.join(map(self.escape, element))
            if isinstance(element, tuple)
            else self.escape(element)
            for element in segment
        ]
        while parts and not parts[-1]:
            parts.pop()
        return self.element.join(parts) + self.terminator


def carried(text: str, syntax: str) -> str:
    """What is left of a text in a syntax level: UNOA has capitals without accents only, UNOB ASCII."""
    charset = CHARSETS.get(syntax, "ascii")
    if charset == "ascii":
        folded = unicodedata.normalize("NFKD", text.replace("ß", "ss").replace("ł", "l").replace("Ł", "L"))
        text = folded.encode("ascii", "ignore").decode()
        return text.upper() if syntax == "UNOA" else text
    return text.encode(charset, "replace").decode(charset)


def write_interchanges(view: SystemView, folder: Path) -> None:
    """Write one file an interchange, damaged where the view says so."""
    faults: dict[str, list[str]] = {}
    for fault in view.options.get("damage", ()):
        faults.setdefault(str(fault["interchange"]), []).append(str(fault["kind"]))
    rows = _numbered(view)
    for number, interchange in enumerate(view.options["interchanges"], start=1):
        name = str(interchange["name"])
        content = _Interchange(view, number, [rows[int(at)] for at in interchange["rows"]]).encode()
        for kind in faults.get(name, ()):
            content = damaged(content, kind)
        (folder / (name if "." in name else f"{name}.edi")).write_bytes(content)


def _numbered(view: SystemView) -> list[tuple[str, dict[str, Cell]]]:
    return [(kind.name, row) for kind in view.objects for row in kind.rows]


class _Interchange:
    """Turns messages into the bytes of one interchange."""

    def __init__(
        self, view: SystemView, number: int, messages: Sequence[tuple[str, dict[str, Cell]]]
    ) -> None:
        options = view.options
        self.view = view
        self.messages = messages
        self.syntax = str(options.get("syntax", "UNOA"))
        self.una = str(options.get("una") or "")
        self.marks = Separators.of(self.una)
        self.directory = str(options.get("directory", "D.95B"))
        self.box_in = str(options.get("dialect", "eqd"))
        self.reference = f"{view.name[:6].upper()}{number:05d}"

    def encode(self) -> bytes:
        segments = [self._unb()]
        for number, (kind, row) in enumerate(self.messages, start=1):
            segments += self._message(kind, row, number)
        segments.append(("UNZ", str(len(self.messages)), self.reference))
        newline = "\r\n" if self.view.options.get("newlines") else ""
        text = self.una + newline + newline.join(self.marks.write(segment) for segment in segments) + newline
        return text.encode(CHARSETS.get(self.syntax, "ascii"), "replace")

    def _unb(self) -> Segment:
        moments = [_moment(row["at"], self.view.timezone) for _, row in self.messages]
        prepared = max((m for m in moments if m), default=datetime(2000, 1, 1))
        sender = carried(self.view.owner, "UNOA").replace(" ", "")[:14] or "OWNER"
        stamp = (f"{prepared:%y%m%d}", f"{prepared:%H%M}")
        return (
            "UNB",
            (self.syntax, "3" if self.syntax == "UNOC" else "2"),
            sender,
            "AGENCY",
            stamp,
            self.reference,
        )

    def _message(self, kind: str, row: dict[str, Cell], number: int) -> list[Segment]:
        values = self._values(kind, row)
        version, release = self.directory.split(".")[0], self.directory.split(".")[1]
        body = [s for s in _MESSAGES[kind](values, self) if s]
        header: Segment = ("UNH", str(number), (kind, version, release, "UN"))
        return [header, *body, ("UNT", str(len(body) + 2), str(number))]

    def _values(self, kind: str, row: dict[str, Cell]) -> Values:
        values: Values = dict.fromkeys(EDIFACT_FIELDS[kind], "")
        for name, value in row.items():
            moment = _moment(value, self.view.timezone)
            if moment is not None:
                values[name] = f"{moment:%Y%m%d%H%M}"
            elif isinstance(value, Decimal):
                values[name] = str(value).replace(".", self.marks.decimal)
            else:
                values[name] = carried(as_text(value), self.syntax)
        return values

    def box(self, container: str) -> Segment:
        """Where this party puts the box: in a reference or in the equipment segment."""
        if not container:
            return ()
        return ("RFF", ("AAQ", container)) if self.box_in == "rff" else ("EQD", "CN", container)

    @property
    def modern(self) -> bool:
        """Whether the directory is of this century; some segments changed with it."""
        return int(self.directory.split(".")[1][:2]) < 90


def _moment(value: Cell, zone: str) -> datetime | None:
    return local(value, zone) if isinstance(value, datetime) else None


def _if(value: str, *segment: Element) -> Segment:
    return segment if value else ()


def _text(qualifier: str, text: str, sheet: _Interchange) -> list[Segment]:
    old = sheet.directory <= "D.96A" and not sheet.modern
    pieces = textwrap.wrap(text, _OLD_WIDTH if old else _WIDTH)
    return [("FTX", qualifier, "", "", tuple(pieces[at : at + 5])) for at in range(0, len(pieces), 5)]


def _head(code: str, values: Values) -> list[Segment]:
    return [("BGM", code, values["document"], values["function"]), ("DTM", ("137", values["at"], "203"))]


def _cusres(values: Values, sheet: _Interchange) -> Iterable[Segment]:
    status: Segment = ("STS", "1", values["status"]) if sheet.modern else ("GIS", values["status"])
    return [
        *_head("961", values),
        _if(values["declaration"], "RFF", ("ABT", values["declaration"])),
        _if(values["bl"], "RFF", ("BM", values["bl"])),
        sheet.box(values["container"]),
        _if(values["status"], *status),
        *_text("AAI", values["remark"], sheet),
        _if(values["weight"], "CNT", ("7", values["weight"], "KGM")),
        _if(values["packages"], "CNT", ("11", values["packages"])),
    ]


def _iftdgn(values: Values, sheet: _Interchange) -> Iterable[Segment]:
    split = sheet.box_in == "rff"  # this dialect says at each item in which box it is
    return [
        *_head("890", values),
        _if(values["notice"], "RFF", ("AAZ", values["notice"])),
        () if split else ("EQD", "CN", values["container"]),
        ("CNI", "1", values["bl"]),
        ("GID", "1"),
        *_text("AAA", values["remark"], sheet),
        ("DGS", "IMD", values["hazard_class"], values["un_number"], "", values["packing_group"]),
        ("SGP", values["container"]) if split else (),
    ]


def _vermas(values: Values, sheet: _Interchange) -> Iterable[Segment]:
    return [
        *_head("749", values),
        ("EQD", "CN", values["container"]),
        _if(values["booking"], "RFF", ("BN", values["booking"])),
        ("MEA", "AAE", "VGM", (values["unit"], values["mass"])),
        _if(values["method"], "DOC", values["method"]),
        _if(values["responsible"], "NAD", "SPC", "", "", values["responsible"]),
    ]


_MESSAGES: Final[dict[str, Callable[[Values, Any], Iterable[Segment]]]] = {
    "CUSRES": _cusres,
    "IFTDGN": _iftdgn,
    "VERMAS": _vermas,
}
