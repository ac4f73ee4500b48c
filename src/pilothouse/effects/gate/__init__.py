"""Owns what must hold before the door opens: labels, right, sink rule, rung, approval."""
