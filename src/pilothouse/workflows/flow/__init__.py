"""The flow of information through a workflow: read from its source, followed at run time, checked before."""

from pilothouse.workflows.flow.collect import Collected, NotedSources, carried, collecting, current
from pilothouse.workflows.flow.live import Live, live
from pilothouse.workflows.flow.names import verb
from pilothouse.workflows.flow.sites import known_slice, register, site_of
from pilothouse.workflows.flow.slice import LOW, Site, Slice, slice_of
from pilothouse.workflows.flow.words import configured, said

__all__ = [
    "LOW",
    "Collected",
    "Live",
    "NotedSources",
    "Site",
    "Slice",
    "carried",
    "collecting",
    "configured",
    "current",
    "known_slice",
    "live",
    "register",
    "said",
    "site_of",
    "slice_of",
    "verb",
]
