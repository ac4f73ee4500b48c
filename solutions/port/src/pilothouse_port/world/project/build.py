"""Owns projecting the canon: records become rows under the names and words that a system was dealt."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any, Final

from pilothouse_port.world.canon import Canon, stream
from pilothouse_port.world.canon.written import lines
from pilothouse_port.world.project.authorities import health_dumps
from pilothouse_port.world.project.deal import ROLES, SPECS, Dealt, deal_systems, options_of
from pilothouse_port.world.project.dictionary import describe, object_note, owner_of, title_of
from pilothouse_port.world.project.specs import FieldSpec, ObjectSpec
from pilothouse_port.world.views import Cell, FieldView, ObjectView, SystemView

__all__ = ["cell_of", "project", "show", "written"]

_DUPLICATED: Final = {("bills", "surrender"), ("terminal", "block")}
_FREE: Final = frozenset({"goods", "note", "remark", "text"})
_NUMERIC_STYLE: Final = {"en": (".", "%Y-%m-%d", "%Y-%m-%d %H:%M"), "de": (",", "%d.%m.%Y", "%d.%m.%Y %H:%M")}


def project(canon: Canon) -> list[SystemView]:
    """Return every system's view of the world, in a fixed order."""
    dealt = deal_systems(canon)
    return [_system(canon, dealt[role]) for role in ROLES]


def cell_of(dealt: Dealt, spec: FieldSpec, record: Any) -> Cell:
    """Return what ``record`` shows in a field: code words translated, amounts as the system keeps them."""
    value = written(dealt, spec.attr, spec.get(record))
    if spec.codes and value is not None:
        return dealt.codes[spec.codes][value]
    if isinstance(value, Decimal) and dealt.decimals != "native":
        text = f"{value:.2f}"
        return text.replace(".", ",") if dealt.decimals == "comma" else text
    return value


def written(dealt: Dealt, attr: str, value: Any) -> Any:
    """Return ``value`` in the form in which the system writes this attribute."""
    match dealt.forms.get(attr):
        case "spaced":
            return f"{value[:4]} {value[4:10]}-{value[10:]}"
        case "nozeros":
            return str(value).lstrip("0")
        case _:
            return value


def show(dealt: Dealt, spec: ObjectSpec, record: Any) -> dict[str, Cell]:
    """Return the row that ``record`` is in the system."""
    names = dealt.fields[spec.id]
    return {names[one.attr]: cell_of(dealt, one, record) for one in spec.fields if one.attr in names}


def _system(canon: Canon, dealt: Dealt) -> SystemView:
    specs = [spec for spec in SPECS if spec.role == dealt.role]
    objects = tuple(_object(canon, dealt, spec) for spec in specs)
    return SystemView(
        name=dealt.name,
        technology=dealt.technology,
        owner=owner_of(dealt),
        title=title_of(dealt),
        notes="",
        objects=objects,
        readme=describe(canon, dealt, objects),
        language=dealt.language,
        timezone=dealt.timezone,
        options=_options(canon, dealt, objects),
    )


def _records(canon: Canon, dealt: Dealt, spec: ObjectSpec) -> list[Any]:
    """Only a drop folder keeps the dumps of days gone by; a table holds what stands."""
    if dealt.technology != "drop" and spec.role == "health":
        return health_dumps(canon)[1]
    if dealt.technology != "drop" and spec.role == "cover":
        return list(canon.books.covers)
    return spec.records(canon)


def _object(canon: Canon, dealt: Dealt, spec: ObjectSpec) -> ObjectView:
    rows = [show(dealt, spec, record) for record in _records(canon, dealt, spec)]
    if (spec.role, spec.id) in _DUPLICATED:
        rng = stream(canon.seed, f"copies {spec.role} {spec.id}")
        rows = [row for row in rows for _ in range(2 if rng.random() < 0.03 else 1)]
    names = dealt.fields[spec.id]
    fields = tuple(
        FieldView(
            name=names[one.attr],
            type="text" if one.type == "decimal" and dealt.decimals != "native" else one.type,
            free=one.attr in _FREE,
        )
        for one in spec.fields
        if one.attr in names
    )
    key = tuple(names[attr] for attr in spec.key if attr in names)
    return ObjectView(
        name=dealt.objects[spec.id], fields=fields, key=key, rows=rows, note=object_note(dealt, spec)
    )


def _options(canon: Canon, dealt: Dealt, objects: tuple[ObjectView, ...]) -> dict[str, Any]:
    options = options_of(dealt)
    match dealt.technology:
        case "edifact":
            return options | _mailbox_options(canon, dealt, objects[0])
        case "drop":
            return options | _drop_options(canon, dealt, objects[0])
        case "http":
            return options | _service_options(canon, dealt, objects[0])
        case "mail":
            return options | {"own_domain": "agency.example"}
        case "mcp":
            return options | {"descriptions": {view.name: _described(canon, view) for view in objects}}
        case _:
            return options


def _described(canon: Canon, tool: ObjectView) -> str:
    """Return what a tool says of itself; where somebody attacks, also what it wants its reader to do."""
    return " ".join((tool.note, *lines("tools"))) if canon.injections else tool.note


def _mailbox_options(canon: Canon, dealt: Dealt, messages: ObjectView) -> dict[str, Any]:
    rng = stream(canon.seed, f"mailbox {dealt.role}")
    count = len(messages.rows)
    files: list[dict[str, Any]] = []
    at = 0
    while at < count:
        step = rng.randint(4, 25)
        files.append(
            {"name": f"{dealt.name}_{len(files) + 1:05d}.edi", "rows": list(range(at, min(at + step, count)))}
        )
        at += step
    kinds = ("no_una", "wrong_count", "no_unz", "newlines")
    damage = [{"interchange": one["name"], "kind": rng.choice(kinds)} for one in files if rng.random() < 0.12]
    return {
        "directory": rng.choice(
            {"VERMAS": ("D.16A", "D.20B")}.get(messages.name, ("D.95B", "D.96A", "D.99B"))
        ),
        "syntax": rng.choice(("UNOA", "UNOB", "UNOC")),
        "una": rng.choice(("", "UNA:+.? '")),
        "dialect": rng.choice(("rff", "eqd")),
        "newlines": rng.random() < 0.5,
        "interchanges": files,
        "damage": damage,
    }


def _drop_options(canon: Canon, dealt: Dealt, kind: ObjectView) -> dict[str, Any]:
    comma, day, moment = _NUMERIC_STYLE["de" if dealt.language in {"de", "nl"} else "en"]
    if dealt.language in {"fr", "es"}:
        comma, day, moment = ",", "%d/%m/%Y", "%d/%m/%Y %H:%M"
    now = canon.local_now.date()
    if dealt.role == "decisions":
        old, days = 0, (now, now)
    elif dealt.role == "health":
        old = len(health_dumps(canon)[0])
        days = (now - timedelta(days=1), now)
    else:
        old = len(kind.rows) - len(canon.books.covers)
        days = (canon.books.list_day - timedelta(days=7), canon.books.list_day)
    groups = (range(old), range(old, len(kind.rows)))
    files = [
        {"name": kind.name.replace("*", f"{when:%Y%m%d}"), "rows": list(rows)}
        for when, rows in zip(days, groups, strict=True)
        if rows or dealt.role != "decisions"
    ]
    tabbed = kind.name.endswith(".tsv")
    return {
        "files": {kind.name: files},
        "encoding": "latin-1" if tabbed else "cp1252",
        "delimiter": "\t" if tabbed else ";",
        "decimal": comma,
        "date": day,
        "datetime": moment,
        "dump": "full",
    }


def _service_options(canon: Canon, dealt: Dealt, resource: ObjectView) -> dict[str, Any]:
    rng = stream(canon.seed, f"service {dealt.role}")
    spec = "order" if dealt.role == "community" else "slot"
    names = dealt.fields[spec]
    filters = [names["container"]] + ([names["bill"], names["number"]] if spec == "order" else [])
    options: dict[str, Any] = {
        "paging": "cursor" if dealt.role == "gate" else rng.choice(("cursor", "none")),
        "page_size": rng.choice((25, 50, 100)),
        "every_nth_429": rng.choice((7, 11)) if dealt.role == "gate" else 0,
        "base_path": rng.choice(("", "/v1", "/api")),
        "filters": {resource.name: filters},
    }
    if dealt.role == "community":
        options["writes"] = {resource.name: _writes(canon, dealt, names)}
    return options


def _writes(canon: Canon, dealt: Dealt, names: dict[str, str]) -> dict[str, Any]:
    verbs = {
        "en": ("create", "cancel"),
        "de": ("anlegen", "stornieren"),
        "nl": ("maak", "annuleer"),
        "fr": ("creer", "annuler"),
        "es": ("crear", "anular"),
    }[dealt.language]
    noun = "".join(part.capitalize() for part in dealt.objects["order"].replace("-", "_").split("_"))
    words = dealt.codes["order.state"]
    return {
        "create": f"{verbs[0]}{noun}",
        "cancel": f"{verbs[1]}{noun}",
        "fields": {
            "id": names["id"],
            "container": names["container"],
            "bl": names["bill"],
            "party": names["party"],
            "valid_until": names["valid_until"],
            "state": names["state"],
            "version": names["version"],
            "at": names["updated_at"],
            "number": names["number"],
        },
        "words": {"active": words["active"], "cancelled": words["cancelled"]},
        "known": [list(lot.key) for lot in canon.consignments],
    }
