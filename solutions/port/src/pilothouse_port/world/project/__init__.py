"""Owns how the hidden world looks in each system: names, words, copies and faults, all dealt by the seed."""

from pilothouse_port.world.project.build import project
from pilothouse_port.world.project.places import Place, evidence_of, places, show_fact

__all__ = ["Place", "evidence_of", "places", "project", "show_fact"]
