"""Reading owns what a port's texts say: mails, remarks and cargo lines become claims with their words."""

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
