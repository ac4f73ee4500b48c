"""Owns the labels of words that a person typed or signed, for whoever starts a run."""

from __future__ import annotations

from pilothouse.kernel import Principal
from pilothouse.labels import Label, signed, typed

__all__ = ["configured", "said"]


def said(by: Principal, key: str) -> Label:
    """Return the label of arguments that the authenticated ``by`` typed in person.

    Give it as ``options={"label": said(...)}`` to ``start``, and only for words of the person: what a file,
    a message or another system brought is not typed.

    Args:
        by: Who typed.
        key: Of the run that is started.
    """
    return typed(by.id, key)


def configured(what: str, version: str) -> Label:
    """Return the label of arguments that stand in configuration or code that a person signed.

    Args:
        what: Such as ``workflow:port.discharge``.
        version: Of exactly what was signed.
    """
    return signed(what, version)
