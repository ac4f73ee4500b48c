"""Owns the recipes: for each fact of the catalogue, which words, keys and neighbours its column has."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pilothouse_port.draft.guess import Guess, Guesser, Look
from pilothouse_port.draft.keys import KeyFit
from pilothouse_port.draft.scan import Column

__all__ = ["draft_facts", "key_body"]

CANCELS = {"field": "function", "words": ["1"], "of": "document"}
ANNULS = {"field": "function", "words": ["1"], "means": "cancelled"}
KILOS = {"KGM": 1, "TNE": 1000, "LBR": 0.45359237}


def draft_facts(g: Guesser) -> tuple[list[Guess], list[str]]:
    """Return the guesses for all facts and what is still open."""
    out: list[Guess] = []
    out += _bill(g)
    out += _money(g)
    out += _yard(g)
    out += _parties(g)
    out += _rights(g)
    out += _health(g)
    out += _edifact(g)
    from pilothouse_port.facts import FACTS

    made = {guess.name for guess in out}
    todo = [f"{name} is not bound: {FACTS[name].meaning}" for name in FACTS if name not in made]
    todo = [item for item in todo if not item.startswith("discharge.call")]
    return out, todo


def key_body(look: Look, parts: Sequence[str]) -> dict[str, Any]:
    """Return the key of a binding as a mapping for YAML."""
    return {part: _part(*look.keys[part]) for part in parts if part in look.keys}


def _part(name: str, fit: KeyFit) -> Any:
    if not fit.into and not fit.clean:
        return name
    made: dict[str, Any] = {"field": name}
    if fit.into:
        made["as"] = list(fit.into)
    if fit.clean:
        made["clean"] = list(fit.clean)
    return made


def _guess(
    g: Guesser,
    name: str,
    look: Look,
    column: Column,
    parts: Sequence[str],
    extra: Mapping[str, Any] | None = None,
) -> Guess:
    from pilothouse_port.facts import FACTS

    body: dict[str, Any] = {
        "system": look.table.system,
        "object": look.table.name,
        "key": key_body(look, parts),
        "value": column.name,
        **(extra or {}),
    }
    todo: list[str] = []
    if FACTS[name].kind == "code":
        body["codes"], todo = g.codes(name, look, column)
    meaning = look.meanings.get(column.name)
    shares = ", ".join(f"{part} {look.keys[part][1].share:.0%}" for part in parts if part in look.keys)
    why = f"{'owner says: ' + meaning.words if meaning else 'by its name'}; {column.shape}; keys {shares or 'none'}"
    return Guess(name=name, body=body, why=why, todo=todo)


def _newest(g: Guesser, look: Look) -> dict[str, Any]:
    by = g.latest(look)
    return {"latest_by": by[0] if len(by) == 1 else by} if by else {}


def _bill(g: Guesser) -> list[Guess]:
    out: list[Guess] = []
    head = g.find("consignee", "number", keys=["bl"], near=["kind", "version", "bl"])
    if head is not None:
        look, column = head
        newest = _newest(g, look)
        g.learn("party", column)
        out.append(_guess(g, "consignee.party", look, column, ["bl"], newest))
        for name, words in (("consignee.name", ("consignee", "name")), ("title.kind", ("bl", "kind"))):
            other = look.column(*words)
            if other is not None:
                out.append(_guess(g, name, look, other, ["bl"], newest))
    given = g.find("surrender", "state", keys=["bl"], near=["surrender"])
    if given is not None:
        out.append(_guess(g, "title.state", *given, ["bl"], _newest(g, given[0])))
    line = g.find(
        "hs", keys=["container", "bl"], near=["description", "packages", "un", "goods"], ok=_no_certificate
    )
    return out + (_lines(g, line[0]) if line else [])


def _no_certificate(look: Look) -> bool:
    return "certificate" not in look.words.union(*look.concepts.values())


def _lines(g: Guesser, look: Look) -> list[Guess]:
    both = ["container", "bl"]
    recipes: list[tuple[str, tuple[str, ...], tuple[str, ...], dict[str, Any]]] = [
        ("goods.description", ("description",), (), {}),
        ("goods.hs", ("hs",), (), {"as": ["digits"]}),
        ("goods.un", ("un",), (), {"as": ["digits", "zfill:4"]}),
        ("goods.weight", ("weight",), (), {"take": "sum"}),
        ("goods.packages", ("packages",), ("kind", "list", "group"), {"take": "sum"}),
        ("seal.manifest", ("seal",), (), {}),
    ]
    out: list[Guess] = []
    for name, words, none, extra in recipes:
        column = look.column(*words, none=none)
        if column is not None:
            out.append(_guess(g, name, look, column, both, extra))
    weight = look.column("weight")
    if weight is not None:
        out.append(_guess(g, "goods.box_weight", look, weight, ["container"], {"take": "sum"}))
    return out


def _money(g: Guesser) -> list[Guess]:
    out: list[Guess] = []
    open_ = g.find("open", "amount", keys=["bl"], none=("unmatched", "limit"), near=["document", "currency"])
    if open_ is not None:
        look, column = open_
        out.append(_guess(g, "charge.open_amount", look, column, ["bl"], {"take": "sum"}))
        document = look.column("document", none=("kind",))
        if document is not None:
            g.learn("document", document)
            out.append(_guess(g, "charge.document", look, document, ["bl"]))
        currency = look.column("currency")
        if currency is not None:
            out.append(_guess(g, "charge.currency", look, currency, ["bl"]))
    paid = g.find("unmatched", "amount", keys=["bl"], near=["payment"])
    if paid is not None:
        out.append(_guess(g, "payment.unmatched", *paid, ["bl"], {"take": "sum"}))
    cover = g.find("cover", "limit", keys=["party"], near=["used", "valid"])
    if cover is None:
        return out
    look, column = cover
    out.append(_guess(g, "credit.limit", look, column, ["party"]))
    more = (
        ("credit.used", ("used",)),
        ("credit.as_of", ("list",)),
        ("credit.valid_until", ("valid", "until")),
    )
    for name, words in more:
        other = look.column(*words)
        if other is not None:
            out.append(_guess(g, name, look, other, ["party"]))
    return out


def _yard(g: Guesser) -> list[Guess]:
    out: list[Guess] = []
    unit = g.find("tare", keys=["container"], near=["size", "seal", "condition", "landing"])
    if unit is not None:
        look = unit[0]
        parts = ["container", "call"]
        recipes = (
            ("discharge.at", ("landing", "time"), ()),
            ("box.size", ("size",), ("code",)),
            ("box.kind", ("container", "kind"), ()),
            ("box.tare", ("tare",), ()),
            ("seal.terminal", ("seal",), ()),
            ("damage.code", ("condition",), ()),
        )
        for name, words, none in recipes:
            column = look.column(*words, none=none)
            if column is not None:
                out.append(_guess(g, name, look, column, parts))
    stop = g.find("stop", "state", keys=["container"])
    if stop is not None:
        look, column = stop
        by = look.column("stop", "time")
        extra: dict[str, Any] = {"take": "any", **({"latest_by": by.name} if by else {})}
        out.append(_guess(g, "stop.listed", look, column, ["container"], extra))
    slot = g.find("start", "time", keys=["container"], near=["slot", "haulier", "state"], ok=_has_state)
    return out + (_slots(g, slot[0], slot[1]) if slot else [])


def _has_state(look: Look) -> bool:
    return look.column("state") is not None


def _slots(g: Guesser, look: Look, start: Column) -> list[Guess]:
    state = look.column("state")
    extra: dict[str, Any] = _newest(g, look)
    if state is not None:
        codes, _ = g.codes("pickup.state", look, state)
        booked = [word for word, value in codes.items() if value == "booked"]
        if booked:
            extra["where"] = {state.name: booked}
    out = [_guess(g, "pickup.at", look, start, ["container"], extra)]
    haulier = look.column("haulier", "code") or look.column("haulier", "number")
    if haulier is not None:
        g.learn("haulier", haulier)
        out.append(_guess(g, "pickup.haulier", look, haulier, ["container"], extra))
    return out


def _parties(g: Guesser) -> list[Guess]:
    out: list[Guess] = []
    master = g.find("name", keys=["party"], none=("alias",), near=["vat", "contact", "mail"], ok=_is_master)
    if master is not None:
        look = master[0]
        recipes = (
            ("party.name", ("name",), ("alias",)),
            ("party.group", ("group",), ()),
            ("party.contact", ("mail",), ("changed",)),
            ("party.contact_changed_at", ("contact", "changed"), ()),
        )
        for name, words, none in recipes:
            column = look.column(*words, none=none)
            if column is not None:
                out.append(_guess(g, name, look, column, ["party"]))
    alias = g.find("alias", keys=["party"], shapes=("name", "text", "id"))
    if alias is not None:
        out.append(_guess(g, "party.alias", *alias, ["party"]))
    return out + _mandates(g)


def _is_master(look: Look) -> bool:
    return look.column("mail") is not None or look.column("contact", "changed") is not None


def _mandates(g: Guesser) -> list[Guess]:
    given = g.find(
        "holder",
        none=("state", "scope", "name"),
        near=["giver", "mandate", "scope"],
        shapes=("id", "whole", "code"),
    )
    if given is None:
        return []
    look, holder = given
    giver = look.column("giver")
    if giver is None:
        return []
    from pilothouse_port.draft.keys import fit_key

    look.keys["party"] = (giver.name, fit_key(g.known.get("party", ()), giver.distinct))
    fit = look.keys["party"][1]
    look.keys["agent"] = (holder.name, KeyFit(share=fit.share, into=fit.into, clean=fit.clean))
    newest, parts = _newest(g, look), ["party", "agent"]
    out: list[Guess] = []
    recipes = (
        ("mandate.state", ("state",), ()),
        ("mandate.scope", ("scope",), ()),
        ("mandate.valid_until", ("valid", "until"), ()),
    )
    for name, words, none in recipes:
        column = look.column(*words, none=none)
        if column is not None:
            out.append(_guess(g, name, look, column, parts, newest))
    return out


def _rights(g: Guesser) -> list[Guess]:
    out: list[Guess] = []
    right = g.find("right", "state", keys=["container", "bl"], near=["party", "valid", "version"])
    if right is None:
        return out
    look, state = right
    newest, both = _newest(g, look), ["container", "bl"]
    out.append(_guess(g, "order.state", look, state, both, newest))
    until = look.column("valid", "until")
    if until is not None:
        out.append(_guess(g, "order.valid_until", look, until, both, newest))
    party = look.column("party", "number")
    if party is not None:
        out.append(_guess(g, "order.party", look, party, both, newest))
    empties = g.find("empty", "due", keys=["haulier"]) or g.find("empty", "due")
    if empties is not None:
        look, column = empties
        if "haulier" not in look.keys and look.table.required:
            look.keys["haulier"] = (look.table.required[0], KeyFit(share=0.0))
        out.append(_guess(g, "empty.outstanding", look, column, ["haulier"]))
    return out


def _health(g: Guesser) -> list[Guess]:
    found = g.find("certificate", "state", keys=["container", "bl"])
    if found is None:
        return []
    look, state = found
    day = look.column("day", none=("valid", "until"))
    newest = _newest(g, look) or ({"latest_by": day.name} if day else {})
    out = [_guess(g, "health.state", look, state, ["container", "bl"], newest)]
    until = look.column("valid", "until")
    if until is not None:
        out.append(_guess(g, "health.valid_until", look, until, ["container", "bl"], newest))
    return out


_MESSAGES: dict[str, list[tuple[str, str, tuple[str, ...], dict[str, Any]]]] = {
    "CUSRES": [
        ("customs.state", "status", ("container", "bl"), {"cancels": ANNULS}),
        ("customs.weight", "gross_mass", ("container", "bl"), {"where": {"gross_mass": "filled"}}),
        ("customs.packages", "packages", ("container", "bl"), {"where": {"packages": "filled"}}),
    ],
    "IFTDGN": [
        (
            "dangerous.un",
            "un_number",
            ("container",),
            {"per": "document", "as": ["digits", "zfill:4"], "cancels": CANCELS},
        ),
        ("dangerous.class", "dg_class", ("container",), {"per": "document", "cancels": CANCELS}),
    ],
    "VERMAS": [
        (
            "mass.verified",
            "verified_mass",
            ("container",),
            {"unit": {"field": "verified_mass_unit", "factors": KILOS}, "cancels": CANCELS},
        )
    ],
}
"""Message types have their meaning from the standard, so their fields are known beforehand."""


def _edifact(g: Guesser) -> list[Guess]:
    out: list[Guess] = []
    for look in g.looks:
        for name, value, parts, extra in _MESSAGES.get(look.table.name, []):
            column = look.table.columns.get(value)
            if look.table.kind != "edifact" or column is None:
                continue
            keys = {part: part for part in parts}
            body: dict[str, Any] = {
                "system": look.table.system,
                "object": look.table.name,
                "key": keys,
                "value": value,
            }
            body |= {"latest_by": "dtm", **extra}
            todo: list[str] = []
            if name == "customs.state":
                look.meanings.setdefault("status", look.meanings.get("status") or _nothing())
                body["codes"], todo = g.codes(name, look, column)
            out.append(Guess(name=name, body=body, why=f"{look.table.name} of the standard", todo=todo))
    return out


def _nothing() -> Any:
    from pilothouse_port.draft.readme import Meaning

    return Meaning(words="")
