"""Owns the rules on papers: title, consignee's identity, mandate, release order."""

from __future__ import annotations

import re
import unicodedata
from datetime import datetime

from pilothouse_port.checks.rules import Params, See, rule

__all__ = ["same_name"]


@rule("title", "not_surrendered")
def _not_surrendered(see: See, params: Params, at: datetime) -> bool:
    return see("title.kind") != "waybill" and see("title.state") in (None, "open")


@rule("title", "surrender_withdrawn")
def _surrender_withdrawn(see: See, params: Params, at: datetime) -> bool:
    return see("title.state") == "withdrawn"


@rule("identity", "unknown")
def _identity_unknown(see: See, params: Params, at: datetime) -> bool:
    return see("consignee.party") is not None and see("party.name") is None


@rule("identity", "name_differs")
def _name_differs(see: See, params: Params, at: datetime) -> bool:
    printed, registered = see("consignee.name"), see("party.name")
    if registered is None:
        return False  # the other rule says so
    forms = bool(params.get("ignore_legal_form", False))
    if same_name(printed, registered, ignore_legal_form=forms):
        return False
    return not any(same_name(printed, alias, ignore_legal_form=forms) for alias in see("party.alias"))


_LEGAL_FORMS = re.compile(
    r"(?:\b(?:gmbh|mbh|kgaa|kg|ag|ohg|e ?k|co|ltd|limited|llc|llp|lp|inc|corp|plc|b ?v|n ?v|s ?a ?s"
    r"|s ?a ?r ?l|s ?r ?l|s ?p ?a|s ?a|sp z ?o ?o|s ?l|lda|oy|ab|as|aps)\b\s*)+$"
)


def same_name(first: str, second: str, *, ignore_legal_form: bool = False) -> bool:
    """Whether two names are the same but for case, accents, blanks and punctuation.

    Likeness is not sameness: ``Alfa Trading`` and ``Alpha Trading`` differ.

    Args:
        first: As printed.
        second: As registered.
        ignore_legal_form: Whether ``Ltd``, ``GmbH`` and their kin at the end do not matter.
    """
    if not ignore_legal_form:
        return _plain(first) == _plain(second)
    return _formless(first) == _formless(second)


def _formless(name: str) -> str:
    words = re.sub(r"[^0-9a-z]+", " ", _bare(name)).strip()
    return re.sub(r"\s", "", _LEGAL_FORMS.sub("", words)) or _plain(name)


def _plain(name: str) -> str:
    return re.sub(r"[^0-9a-z]+", "", _bare(name))


def _bare(name: str) -> str:
    spread = unicodedata.normalize("NFKD", name.replace("ß", "ss").replace("&", " and "))
    bare = "".join(char for char in spread if not unicodedata.combining(char))
    return bare.translate(_STROKES).casefold()


_STROKES = str.maketrans({"ł": "l", "Ł": "L", "ø": "o", "Ø": "O", "đ": "d", "Đ": "D"})


@rule("mandate", "missing")
def _mandate_missing(see: See, params: Params, at: datetime) -> bool:
    return _needs_mandate(see) and see("mandate.state") is None


@rule("mandate", "revoked")
def _mandate_revoked(see: See, params: Params, at: datetime) -> bool:
    return _needs_mandate(see) and see("mandate.state") == "revoked"


@rule("mandate", "out_of_scope")
def _mandate_out_of_scope(see: See, params: Params, at: datetime) -> bool:
    if not _needs_mandate(see) or see("mandate.state") != "active":
        return False
    words = {_plain(word) for word in params.get("scope_words", ())}
    return bool(words) and not words & {_plain(word) for word in see("mandate.scope")}


@rule("mandate", "expired")
def _mandate_expired(see: See, params: Params, at: datetime) -> bool:
    if not _needs_mandate(see) or see("mandate.state") != "active":
        return False
    until = see("mandate.valid_until")
    return until is not None and until < at.date()


def _needs_mandate(see: See) -> bool:
    asker = see("order.party")
    return asker is not None and asker != see("consignee.party")


@rule("order", "missing")
def _order_missing(see: See, params: Params, at: datetime) -> bool:
    return see("order.state") in (None, "cancelled")


@rule("order", "expired")
def _order_expired(see: See, params: Params, at: datetime) -> bool:
    if see("order.state") != "active":
        return False
    until = see("order.valid_until")
    return until is not None and until < at


@rule("order", "rejected")
def _order_rejected(see: See, params: Params, at: datetime) -> bool:
    return see("order.state") == "rejected"
