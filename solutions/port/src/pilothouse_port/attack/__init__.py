"""Attack owns ``pilothouse demo port --attack``: a made port and an agent that obeys all it reads."""

from pilothouse_port.attack.demo import attack_demo, attack_port
from pilothouse_port.attack.report import PortReport, VerdictCheck, as_json, as_text

__all__ = ["PortReport", "VerdictCheck", "as_json", "as_text", "attack_demo", "attack_port"]
