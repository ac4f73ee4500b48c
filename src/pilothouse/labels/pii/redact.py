"""Owns taking personal data and credentials out of texts, JSON values and log records."""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterable, Mapping
from typing import Any, cast

from pilothouse.labels.pii.credentials import is_secret
from pilothouse.labels.pii.find import find
from pilothouse.labels.pii.types import Recogniser

__all__ = ["RedactingFilter", "redact", "redact_value"]

_DEEPEST = 64
_STANDARD = frozenset(logging.makeLogRecord({}).__dict__) | {"message", "asctime"}


def redact(text: str, *, keep: Collection[str] = (), extra: Iterable[Recogniser] = ()) -> str:
    """Return ``text`` with ``‹kind›`` in place of what :func:`find` found.

    Args:
        text: Any text.
        keep: Kinds that stay.
        extra: More recognisers.
    """
    pieces: list[str] = []
    at = 0
    for one in find(text, extra=extra):
        if one.kind not in keep:
            pieces += [text[at : one.start], f"‹{one.kind}›"]
            at = one.end
    return "".join([*pieces, text[at:]])


def redact_value(value: Any, *, keep: Collection[str] = ()) -> Any:
    """Return a JSON value with every text in it redacted, names of fields too.

    What a field is called says what its value is: ``{"date_of_birth": "1990-01-31"}`` is found.
    """
    return _value(value, "", keep, 0)


def _value(value: Any, name: str, keep: Collection[str], depth: int) -> Any:
    if depth > _DEEPEST:
        return "‹too deep›"
    if isinstance(value, Mapping):
        items = cast("Mapping[Any, Any]", value).items()
        return {
            redact(key, keep=keep) if isinstance(key, str) else key: _value(item, str(key), keep, depth + 1)
            for key, item in items
        }
    if isinstance(value, list | tuple):
        return [_value(item, name, keep, depth + 1) for item in cast("list[Any]", value)]
    if isinstance(value, str):
        return _named(name, value, keep)
    if isinstance(value, int | float) and not isinstance(value, bool):
        text = str(value)
        redacted = _named(name, text, keep)
        return value if redacted == text else redacted
    return value


def _named(name: str, text: str, keep: Collection[str]) -> str:
    """Redact a text by itself, then as what its field's name says it is."""
    if "secret" not in keep and is_secret(name, text):
        return "‹secret›"
    alone = redact(text, keep=keep)
    if not name or alone != text:
        return alone
    before = name[-80:].replace("_", " ") + "="
    for one in find(before + text):
        if one.start >= len(before) and one.kind not in keep:
            return redact(before + text, keep=keep)[len(redact(before, keep=keep)) :]
    return text


class RedactingFilter(logging.Filter):
    """Redacts log records: message, exception, stack and extra fields. It never raises and drops nothing."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Redact ``record`` in place; return True."""
        try:
            message = record.getMessage()
        except Exception:  # a wrong format must not lose the record, nor what stands in its arguments
            message = f"{record.msg} {record.args!r}"
        record.msg, record.args = redact(message), ()
        if record.exc_info:
            record.exc_text = record.exc_text or logging.Formatter().formatException(record.exc_info)
            record.exc_info = None
        if record.exc_text:
            record.exc_text = redact(record.exc_text)
        if record.stack_info:
            record.stack_info = redact(record.stack_info)
        for name in record.__dict__.keys() - _STANDARD:
            record.__dict__[name] = _value(record.__dict__[name], name, (), 0)
        return True
