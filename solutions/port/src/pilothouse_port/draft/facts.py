"""Owns the recipes: for each fact of the catalogue, which words, keys and neighbours its column has."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from pilothouse_port.draft.guess import Guess, Guesser, Look
from pilothouse_port.draft.keys import KeyFit, fit_key
from pilothouse_port.draft.leftover import (
    left_for,
    unnamed_aliases,
    unnamed_consignee,
    unnamed_holder,
)
from pilothouse_port.draft.readme import Meaning
from pilothouse_port.draft.scan import Column
from pilothouse_port.draft.words import concepts_of

__all__ = ["draft_facts", "key_body"]

CANCELS = {"field": "function", "words": ["1"], "of": "document"}
ANNULS = {"field": "function", "words": ["1"], "means": "cancelled"}
WORDED = ("text", "id", "name", "code")
KILOS = {"KGM": 1, "TNE": 1000, "LBR": 0.45359237}


def draft_facts(g: Guesser) -> tuple[list[Guess], list[str]]:
    """Return the guesses for all facts and what is still open."""
    out: list[Guess] = []
    out += _bill(g)
    out += _money(g)
    out += _yard(g)
    out += _parties(g)
    out += _cover(g)
    out += _rights(g)
    out += _empties(g)
    out += _health(g)
    out += _edifact(g)
    from pilothouse_port.facts import FACTS

    made = {guess.name for guess in out if not guess.join}
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
    said = f"owner says: {meaning.words}" if meaning else "by its name"
    why = f"{said}; {column.shape}; keys {shares or 'none'}"
    if look.table.required:
        why = f"{said}; answers only to {', '.join(look.table.required)}; not profiled"
    return Guess(name=name, body=body, why=why, todo=todo)


Recipe = tuple[str, tuple[str, ...], tuple[str, ...]]
"""Name of a fact, concepts of its column, concepts that speak against it."""


def _bound(
    g: Guesser,
    look: Look,
    recipes: Sequence[Recipe],
    parts: Sequence[str],
    *,
    newest: Mapping[str, Any] | None = None,
    shapes: Sequence[str] = (),
) -> list[Guess]:
    """Bind the facts of one table: by what is said of its columns, then by what is left over.

    Args:
        g: Knows the codes.
        look: The table.
        recipes: What to look for.
        parts: Keys of the table.
        newest: From :func:`_newest`: what orders the rows is no leftover.
        shapes: Shapes the values may have.
    """
    found = {name: look.column(*words, none=none, shapes=shapes) for name, words, none in recipes}
    by = (newest or {}).get("latest_by", [])
    used = {*([by] if isinstance(by, str) else by), *(one.name for one in found.values() if one is not None)}
    out: list[Guess] = []
    for name, column in found.items():
        left = left_for(look, name, used) if column is None else None
        chosen = column or left
        if chosen is None:
            continue
        guess = _guess(g, name, look, chosen, parts, newest)
        if left is not None:
            guess.todo.append(f"{name}: {left.name} is what is left over in its table: confirm")
            used.add(left.name)
        out.append(guess)
    return out


def _newest(g: Guesser, look: Look) -> dict[str, Any]:
    by = g.latest(look)
    return {"latest_by": by[0] if len(by) == 1 else by} if by else {}


def _bill(g: Guesser) -> list[Guess]:
    out: list[Guess] = []
    beside = ["kind", "version", "bl"]
    head = g.find("consignee", "number", keys=["bl"], near=beside, none=("name",), ok=_no_right) or g.find(
        "consignee", keys=["bl"], near=beside, none=("name",), shapes=("id", "whole", "code"), ok=_no_right
    )
    head = head or unnamed_consignee(g)
    if head is not None:
        look, column = head
        newest = _newest(g, look)
        g.learn("party", column)
        out.append(_guess(g, "consignee.party", look, column, ["bl"], newest))
        recipes: list[Recipe] = [
            ("consignee.name", ("consignee", "name"), ()),
            ("title.kind", ("bl", "kind"), ()),
        ]
        out += _bound(g, look, recipes, ["bl"], newest=newest)
    given = g.find("surrender", "state", keys=["bl"], near=["surrender"])
    given = given or g.spoken("title.state", keys=["bl"], word="surrendered")
    if given is not None:
        out.append(_guess(g, "title.state", *given, ["bl"], _newest(g, given[0])))
    near = ["description", "packages", "un", "goods"]
    found = [
        g.find(word, keys=["container"], near=near, ok=_no_certificate) for word in ("hs", "un", "packages")
    ]
    line = next((each for each in found if each is not None), None)
    if line is None:
        return out
    if "bl" not in line[0].keys and head is not None:
        out += _linked(head[0], line[0])
    return out + _lines(g, line[0])


def _no_right(look: Look) -> bool:
    return "right" not in look.words and look.column("right", "state") is None


def _linked(head: Look, line: Look) -> list[Guess]:
    """Lines that name no B/L but the record number of its head are found through the head."""
    fits = [
        (fit_key(own.distinct, other.distinct), own, other)
        for own in head.table.columns.values()
        for other in line.table.columns.values()
        if own.shape in ("id", "whole") and other.shape in ("id", "whole") and own.name != head.keys["bl"][0]
    ]
    best = max(fits, key=lambda item: item[0].share, default=None)
    if best is None or best[0].share < 0.8:
        return []
    fit, own, other = best
    line.keys["record"] = (other.name, fit)
    body = {
        "system": head.table.system,
        "object": head.table.name,
        "key": key_body(head, ["bl"]),
        "value": own.name,
        "take": "all",
    }
    return [
        Guess(name="record", body=body, why=f"{other.name} holds {fit.share:.0%} of its values", join=True)
    ]


def _no_certificate(look: Look) -> bool:
    return "certificate" not in look.words.union(*look.concepts.values())


def _lines(g: Guesser, look: Look) -> list[Guess]:
    both = ["container", "bl"] if "bl" in look.keys else ["container", "record"]
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
        if column is None and name == "goods.description":
            column = look.column("goods", none=("number", "code", "kind", "hs", "un"), shapes=WORDED)
        if column is None and name == "goods.hs":
            column = _by_digits(look)
        if column is not None:
            out.append(_guess(g, name, look, column, both, extra))
    weight = look.column("weight")
    if weight is not None:
        out.append(_guess(g, "goods.box_weight", look, weight, ["container"], {"take": "sum"}))
    return out


def _by_digits(look: Look) -> Column | None:
    """HS codes look like nothing else on a manifest: six to ten digits, the first two a chapter."""
    taken = {name for name, _ in look.keys.values()}
    for column in look.table.columns.values():
        values = column.distinct
        if (
            column.name in taken
            or len(values) < 5
            or look.concepts[column.name] & {"seal", "number", "weight"}
        ):
            continue
        if all(re.fullmatch(r"(0[1-9]|[1-8]\d|9[0-7])\d{4,8}", value) for value in values):
            return column
    return None


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
        out += _bound(g, look, [("charge.currency", ("currency",), ())], ["bl"])
    for part in ("bl", "document"):
        paid = g.find("unmatched", "amount", keys=[part], near=["payment"])
        if paid is not None:
            out.append(_guess(g, "payment.unmatched", *paid, [part], {"take": "sum"}))
            break
    return out


def _cover(g: Guesser) -> list[Guess]:
    """Credit cover hangs on the customer number, or on a tax number that the customer register gives."""
    found = g.find("cover", "limit", near=["used", "valid"])
    if found is None:
        return []
    out: list[Guess] = []
    look, column = found
    part = "party"
    if "party" not in look.keys:
        out, part = _by_tax_number(g, look), "tax"
        if not out:
            return out
    out.append(_guess(g, "credit.limit", look, column, [part]))
    recipes: list[Recipe] = [
        ("credit.used", ("used",), ()),
        ("credit.as_of", ("list",), ()),
        ("credit.valid_until", ("valid", "until"), ()),
    ]
    return out + _bound(g, look, recipes, [part], shapes=("day", "moment", "whole", "decimal", "code", "id"))


def _by_tax_number(g: Guesser, look: Look) -> list[Guess]:
    theirs = look.column("vat")
    master = g.find("vat", keys=["party"], near=["name", "contact"], ok=lambda one: one is not look)
    if theirs is None or master is None:
        return []
    register, own = master
    look.keys["tax"] = (theirs.name, fit_key(own.distinct, theirs.distinct))
    body = {
        "system": register.table.system,
        "object": register.table.name,
        "key": key_body(register, ["party"]),
        "value": own.name,
    }
    why = f"{theirs.name} holds {look.keys['tax'][1].share:.0%} of its values"
    return [Guess(name="tax", body=body, why=why, join=True)]


def _yard(g: Guesser) -> list[Guess]:
    out: list[Guess] = []
    beside = ["size", "seal", "condition", "landing", "tare"]
    unit = g.find("tare", keys=["container"], near=beside) or g.find(
        "landing", "time", keys=["container"], near=beside
    )
    if unit is not None:
        look, parts = unit[0], ["container", "call"]
        recipes: list[Recipe] = [
            ("discharge.at", ("landing", "time"), ()),
            ("box.size", ("size",), ("code",)),
            ("box.kind", ("container", "kind"), ()),
            ("box.tare", ("tare",), ()),
            ("seal.terminal", ("seal",), ()),
            ("damage.code", ("condition",), ()),
        ]
        out += _bound(g, look, recipes, parts)
        out += _by_size_type(g, look, {guess.name for guess in out})
    stop = g.find("stop", "state", keys=["container"])
    if stop is not None:
        look, column = stop
        by = look.column("stop", "time")
        extra: dict[str, Any] = {"take": "any", **({"latest_by": by.name} if by else {})}
        guess = _guess(g, "stop.listed", look, column, ["container"], extra)
        sort = look.column("kind", none=("container", "state"))
        if sort is not None and sort.name != column.name and by is not None:
            guess.todo.append(
                f"stop.listed: does lifting one {sort.name} lift a block of another? As drafted the newest "
                f"row of a box counts; if a block stands until one like it is lifted, add per: {sort.name}"
            )
        out.append(guess)
    slot = g.find("start", "time", keys=["container"], near=["slot", "haulier", "state"], ok=_has_state)
    return out + (_slots(g, slot[0], slot[1]) if slot else [])


def _by_size_type(g: Guesser, look: Look, made: set[str]) -> list[Guess]:
    """Length and sort of box from its ISO 6346 size and type code, such as 42G1, where nothing else says."""
    coded = next(
        (
            column
            for column in look.table.columns.values()
            if column.distinct
            and all(re.fullmatch(r"[24LM9][0-9A-Z][A-Z][0-9A-Z]", v) for v in column.distinct)
        ),
        None,
    )
    if coded is None:
        return []
    feet = {"as": ["slice::1"], "codes": {"2": "20", "4": "40", "L": "45", "M": "45", "9": "45"}}
    sorts = {"G": "dry", "V": "dry", "B": "dry", "S": "dry", "R": "reefer", "H": "reefer", "T": "tank"}
    sort = {"as": ["slice:2:3"], "codes": {**sorts, "U": "open", "P": "flat"}}
    out: list[Guess] = []
    for name, extra in (("box.size", feet), ("box.kind", sort)):
        if name not in made:
            guess = _guess(g, name, look, coded, ["container", "call"])
            guess.body |= extra
            guess.todo.clear()
            guess.why = "ISO 6346 size and type code"
            out.append(guess)
    return out


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
        recipes: list[Recipe] = [
            ("party.name", ("name",), ("alias",)),
            ("party.group", ("group",), ()),
            ("party.contact", ("mail",), ("changed",)),
            ("party.contact_changed_at", ("contact", "changed"), ()),
        ]
        out += _bound(g, master[0], recipes, ["party"])
    alias = g.find("alias", shapes=WORDED) or unnamed_aliases(g)
    if alias is not None and "party" not in alias[0].keys:
        owner = alias[0].column("customer", "number") or alias[0].column("customer")
        if owner is not None and master is not None:
            alias[0].keys["party"] = (owner.name, master[0].keys["party"][1])
    if alias is not None and "party" in alias[0].keys:
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
    given = given or unnamed_holder(g)
    if given is None:
        return []
    look, holder = given
    giver = look.column("giver")
    if giver is None:
        return []
    look.keys["party"] = (giver.name, fit_key(g.known.get("party", ()), giver.distinct))
    fit = look.keys["party"][1]
    look.keys["agent"] = (holder.name, KeyFit(share=fit.share, into=fit.into, clean=fit.clean))
    recipes: list[Recipe] = [
        ("mandate.state", ("state",), ()),
        ("mandate.scope", ("scope",), ()),
        ("mandate.valid_until", ("valid", "until"), ()),
    ]
    return _bound(g, look, recipes, ["party", "agent"], newest=_newest(g, look))


def _rights(g: Guesser) -> list[Guess]:
    out: list[Guess] = []
    right = g.find("right", "state", keys=["container", "bl"], near=["party", "valid", "version"])
    if right is None:
        return out
    look, state = right
    newest, both = _newest(g, look), ["container", "bl"]
    out.append(_guess(g, "order.state", look, state, both, newest))
    out += _bound(g, look, [("order.valid_until", ("valid", "until"), ())], both, newest=newest)
    party = look.column("party", "number") or look.column("consignee", "number")
    if party is None and "party" in look.keys:
        party = look.table.columns[look.keys["party"][0]]
    if party is not None:
        out.append(_guess(g, "order.party", look, party, both, newest))
    return out


def _empties(g: Guesser) -> list[Guess]:
    empties = (
        g.find("empty", "due", keys=["haulier"])
        or g.find("empty", "due")
        or g.find(
            "empty", near=["haulier"], none=_NOT_COUNTED, shapes=("whole", "code", "empty"), ok=_by_haulier
        )
    )
    if empties is None:
        return []
    look, column = empties
    if "haulier" not in look.keys and look.table.required:
        look.keys["haulier"] = (look.table.required[0], KeyFit(share=0.0))
    return [_guess(g, "empty.outstanding", look, column, ["haulier"])]


_NOT_COUNTED = ("name", "time", "day", "weight", "tare", "container")


def _by_haulier(look: Look) -> bool:
    """Whether a table tells about hauliers: it has their key, or answers only to one."""
    return "haulier" in look.keys or any("haulier" in look.concepts.get(n, ()) for n in look.table.required)


def _health(g: Guesser) -> list[Guess]:
    found = g.find("certificate", "state", keys=["container", "bl"])
    if found is None:
        return []
    look, state = found
    day = look.column("day", none=("valid", "until"))
    newest = _newest(g, look) or ({"latest_by": day.name} if day else {})
    both = ["container", "bl"]
    out = [_guess(g, "health.state", look, state, both, newest)]
    return out + _bound(g, look, [("health.valid_until", ("valid", "until"), ())], both, newest=newest)


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
                look.meanings[value] = _spoken_state(g, look)
                body["codes"], todo = g.codes(name, look, column)
            out.append(Guess(name=name, body=body, why=f"{look.table.name} of the standard", todo=todo))
    return out


def _spoken_state(g: Guesser, look: Look) -> Meaning:
    """Return the owner's code words; he may name the field by its segment rather than by our profile."""
    fits = [
        meaning
        for (table, _), meaning in g.dictionaries[look.table.system].columns.items()
        if table == look.table.name and meaning.codes and "state" in concepts_of(meaning.words)
    ]
    return fits[0] if fits else Meaning(words="")
