"""Owns the words of a mail: what its author wrote, what they quoted, and how they signed (RFC 3676)."""

from __future__ import annotations

import re
from typing import Final

from pilothouse.documents.adapters.job import Found

__all__ = ["unflowed", "write_body"]

WROTE: Final = re.compile(
    r"^\s*(?:on\b.{5,200}\bwrote|le\b.{5,200}\ba écrit|el\b.{5,200}\bescribió|am\b.{5,200}\bschrieb.{0,100}"
    r"|il\b.{5,200}\bha scritto|op\b.{5,200}\bschreef.{0,100}|em\b.{5,200}\bescreveu)\s*:\s*$",
    re.IGNORECASE,
)
ORIGINAL: Final = re.compile(
    r"^\s*[-_]{2,}\s*(?:original message|forwarded message|message d'origine|message transféré"
    r"|mensaje original|mensaje reenviado|ursprüngliche nachricht"
    r"|weitergeleitete nachricht|original-nachricht"
    r"|messaggio originale|oorspronkelijk bericht|mensagem original)\s*[-_]{2,}\s*$|^_{20,}\s*$",
    re.IGNORECASE,
)
HEADS: Final = re.compile(r"^\s*(?:from|von|de|da|van)\s*:\s*\S", re.IGNORECASE)
HEADS_GO_ON: Final = re.compile(
    r"^\s*(?:sent|date|to|gesendet|datum|an|envoyé|à|enviado|fecha|para|inviato|a|verzonden|aan|betreff|objet"
    r"|asunto|subject)\s*:",
    re.IGNORECASE,
)
SIGNED: Final = re.compile(r"^-- ?$")


def unflowed(text: str, *, delsp: bool) -> str:
    """Join the lines that a sender's program broke (``format=flowed``)."""
    out: list[str] = []
    joining, last_depth = False, 0
    for line in text.split("\n"):
        depth = len(line) - len(line.lstrip(">"))
        body = line[depth:]
        body = body[1:] if body.startswith(" ") else body
        flows = body.endswith(" ") and body != "-- "
        if joining and depth == last_depth and body != "-- ":
            out[-1] += body[:-1] if flows and delsp else body
        else:
            out.append(">" * depth + (" " if depth else "") + (body[:-1] if flows and delsp else body))
        joining, last_depth = flows, depth
    return "\n".join(out)


def write_body(found: Found, text: str) -> None:
    """Write the words and say of every stretch whose they are."""
    kind, start, rest, said = "paragraph", found.writing.length, "", False
    lines = text.split("\n")
    for at, line in enumerate(lines):
        now, rest = _kind(lines, at, rest)
        blank = not line.strip() and now == "paragraph"
        if now != kind or blank:
            if said:
                found.writing.block(kind, start)
            kind, start, said = now, found.writing.length, False
        found.writing.write(line + ("\n" if at + 1 < len(lines) else ""))
        start = found.writing.length if blank else start
        said = said or bool(line.strip())
    if said:
        found.writing.block(kind, start)


def _kind(lines: list[str], at: int, rest: str) -> tuple[str, str]:
    """What a line is, and what everything below it is until something else is said."""
    line = lines[at]
    if line.lstrip().startswith(">"):
        return "quoted", rest
    if rest == "quoted":
        return "quoted", rest
    if ORIGINAL.match(line) or (HEADS.match(line) and at + 1 < len(lines) and _go_on(lines[at + 1 : at + 4])):
        return "quoted", "quoted"
    if WROTE.match(line) or (
        at + 1 < len(lines) and len(line) < 200 and WROTE.match(line + " " + lines[at + 1])
    ):
        return "quoted", "quoted" if not _marked(lines[at + 1 :]) else rest
    if SIGNED.match(line):
        return "signature", "signature"
    return (rest or "paragraph"), rest


def _go_on(lines: list[str]) -> bool:
    return sum(bool(HEADS_GO_ON.match(line)) for line in lines) >= 2


def _marked(lines: list[str]) -> bool:
    """Whether the quote is marked line by line, so that words below it are the author's again."""
    return any(line.startswith(">") for line in lines[:4])
