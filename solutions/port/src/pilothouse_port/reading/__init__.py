"""Reading owns what a port's texts say: mails, remarks and cargo lines become claims with their words."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pilothouse_port.reading.cargo import hazard_in
    from pilothouse_port.reading.heads import open_reader, port_encoder, reader_for, reader_of
    from pilothouse_port.reading.outcomes import Readout, read_facts
    from pilothouse_port.reading.read import OUTCOME_OF, PortReader, Said, TextReading
    from pilothouse_port.reading.senders import signs
    from pilothouse_port.reading.tasks import LANGUAGES, task_for

__all__ = [
    "LANGUAGES",
    "OUTCOME_OF",
    "PortReader",
    "Readout",
    "Said",
    "TextReading",
    "hazard_in",
    "open_reader",
    "port_encoder",
    "read_facts",
    "reader_for",
    "reader_of",
    "signs",
    "task_for",
]


def __getattr__(name: str) -> object:
    """Load the parts when one is asked for: the commands of this folder are listed by every ``--help``."""
    if name in __all__:
        from pilothouse_port.reading import cargo, heads, outcomes, read, senders, tasks

        for part in (cargo, heads, outcomes, read, senders, tasks):
            if name in part.__all__:
                return getattr(part, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
