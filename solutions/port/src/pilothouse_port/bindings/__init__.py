"""Bindings own ``port.yaml``: where each fact stands in which system, and reading it in batches."""

from pilothouse_port.bindings.gather import Gathered, gather, list_consignments, needed_facts
from pilothouse_port.bindings.load import Bindings, count_lines, load_bindings
from pilothouse_port.bindings.model import BindingModel, PortModel
from pilothouse_port.bindings.read import Reader, SourcesReader
from pilothouse_port.bindings.texts import mentions, squeezed, text_kinds
from pilothouse_port.bindings.values import TRANSFORMS

__all__ = [
    "TRANSFORMS",
    "BindingModel",
    "Bindings",
    "Gathered",
    "PortModel",
    "Reader",
    "SourcesReader",
    "count_lines",
    "gather",
    "list_consignments",
    "load_bindings",
    "mentions",
    "needed_facts",
    "squeezed",
    "text_kinds",
]
