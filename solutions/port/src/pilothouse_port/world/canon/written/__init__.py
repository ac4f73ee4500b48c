"""Owns what people wrote: texts of today and of the past, what hangs on mails, instructions to machines."""

from pilothouse_port.world.canon.written.history import PAST, History, Ticket, keep_history
from pilothouse_port.world.canon.written.injections import inject, lines
from pilothouse_port.world.canon.written.texts import Texts, Writing, documents_of, write_texts

__all__ = [
    "PAST",
    "History",
    "Texts",
    "Ticket",
    "Writing",
    "documents_of",
    "inject",
    "keep_history",
    "lines",
    "write_texts",
]
