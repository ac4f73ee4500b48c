"""The verbs of the inbox: the queue, the clerk's keys, the panel of one item, the story of a decision."""

from pilothouse.cli.inbox.verbs import colleague, parse_args, parse_until, register

__all__ = ["colleague", "parse_args", "parse_until", "register"]
