"""The true mapping of a made world, for tests only: what a person who made no mistake would write down.

It knows the deal, so a score reached with it says nothing of mapping; it shows that rules and oracle, two
readings of one policy, agree box by box.
"""

from __future__ import annotations

from datetime import UTC
from pathlib import Path
from typing import Any

import yaml

from pilothouse.connectors import Query, Row, choose
from pilothouse.labels import Integrity
from pilothouse_port.facts import FACTS
from pilothouse_port.policy import document_hash
from pilothouse_port.world.canon import Canon
from pilothouse_port.world.policy_writer import write_policy
from pilothouse_port.world.project import places, project
from pilothouse_port.world.project.deal import Dealt, deal_systems
from pilothouse_port.world.views import SystemView

_SUMS = {"charge.open_amount", "payment.unmatched", "goods.box_weight"}
_AS_READ = {
    "CUSRES": {"at": "dtm", "weight": "gross_mass"},
    "IFTDGN": {"at": "dtm", "hazard_class": "dg_class"},
    "VERMAS": {"at": "dtm", "mass": "verified_mass", "unit": "verified_mass_unit"},
}


class ViewReader:
    """Answers look-ups from the views themselves: no server, no rendering."""

    def __init__(self, canon: Canon) -> None:
        self._at = canon.as_of.astimezone(UTC)
        self._objects: dict[tuple[str, str], list[dict[str, Any]]] = {}
        for view in project(canon):
            for thing in view.objects:
                rows = thing.rows
                if view.technology == "drop":
                    rows = [thing.rows[n] for n in view.options["files"][thing.name][-1]["rows"]]
                names = _AS_READ.get(thing.name, {})
                path = f"/{thing.name}" if view.technology == "http" else thing.name
                self._objects[view.name, path] = [
                    {names.get(name, name): value for name, value in row.items()} for row in rows
                ]

    async def read(self, system: str, query: Query) -> list[Row]:
        made = [
            Row(
                source=system,
                object=query.object,
                key={"n": str(n)},
                values=values,
                version="1",
                read_at=self._at,
                integrity=Integrity.RECORD,
            )
            for n, values in enumerate(self._objects[system, query.object])
        ]
        return choose(system, query, made, list(made[0].values)) if made else []


def write_true_mapping(canon: Canon, folder: Path) -> Path:
    """Write POLICY.md and port.yaml of ``canon`` into ``folder``."""
    policy = write_policy(canon)
    (folder / "POLICY.md").write_text(policy, encoding="utf-8")
    path = folder / "port.yaml"
    path.write_text(yaml.safe_dump(_model(canon, policy), allow_unicode=True), encoding="utf-8")
    return path


def _model(canon: Canon, policy: str) -> dict[str, Any]:
    dealt = deal_systems(canon)
    listed = places(canon)["discharge.call"]
    return {
        "timezone": canon.port.timezone,
        "systems": {view.name: _defaults(view, dealt) for view in project(canon)},
        "list": {
            "system": listed.system,
            "object": listed.object,
            "container": listed.key["container"],
            "bl": listed.key["bl"],
            "call": listed.field,
        },
        "joins": _joins(dealt),
        "facts": {fact: _binding(canon, dealt, fact) for fact in places(canon) if fact in FACTS},
        "no_texts": ["mail", "remark", "description"],
        "policy": _policy(canon, policy, dealt),
    }


def _defaults(view: SystemView, dealt: dict[str, Dealt]) -> dict[str, Any]:
    comma = dealt[view.options["role"]].decimals == "comma" or view.options.get("decimal") == ","
    made: dict[str, Any] = {"timezone": view.timezone, "decimal": "," if comma else "."}
    if view.technology == "drop":
        made["date"] = [view.options["date"]]
    if view.technology in {"edifact", "mcp"}:
        made["endorsed_by"] = "a test"
    return made


def _joins(dealt: dict[str, Dealt]) -> dict[str, Any]:
    def join(role: str, thing: str, part: str, by: str, value: str) -> dict[str, Any]:
        system = dealt[role]
        names = system.fields[thing]
        return {
            "system": system.name,
            "object": system.objects[thing],
            "key": {part: names[by]},
            "value": names[value],
        }

    return {
        "bill_id": join("bills", "bill", "bl", "bill", "uuid"),
        "tax": join("customers", "customer", "party", "number", "tax"),
    }


def _key(system: Dealt, field: str) -> Any:
    forms = {"spaced": "iso_box:AAAA 999999-9", "nozeros": "nozeros"}
    for attr, form in system.forms.items():
        if any(names.get(attr) == field for names in system.fields.values()):
            return {"field": field, "as": [forms[form]]}
    return field


def _binding(canon: Canon, dealt: dict[str, Dealt], fact: str) -> dict[str, Any]:
    place = places(canon)[fact]
    system = next(d for d in dealt.values() if d.name == place.system)
    made: dict[str, Any] = {
        "system": place.system,
        "object": place.object,
        "key": {part: _key(system, field) for part, field in place.key.items()},
        "value": place.field,
    }
    if place.latest_by:
        made["latest_by"] = place.latest_by
    if place.codes and FACTS[fact].kind == "code":
        made["codes"] = {word: value for value, word in place.codes.items()}
    if fact in _SUMS:
        made["take"] = "sum"
    if system.role == "dangerous":
        made |= {"per": "document", "cancels": {"field": "function", "words": ["1"], "of": "document"}}
        made |= {"codes": {"": ""}} if fact == "dangerous.class" else {}
    if system.role == "gate":
        made["unless"] = {system.fields["slot"]["state"]: [system.codes["slot.state"]["cancelled"]]}
    if fact == "mass.verified":
        made["unit"] = {
            "field": "verified_mass_unit",
            "factors": {"KGM": 1.0, "TNE": 1000.0, "LBR": 0.45359237},
        }
    return made


def _policy(canon: Canon, text: str, dealt: dict[str, Dealt]) -> dict[str, Any]:
    p = canon.policy.parameters
    scopes = dealt["customers"].codes["mandate.scope"]
    params: dict[str, dict[str, Any]] = {
        "money": {"tolerance": p.tolerance, "cover_max_age_days": p.cover_max_age_days},
        "health": {"chapters": list(p.chapters)},
        "mandate": {"scope_words": [scopes[s] for s in p.scopes]},
        "free_time": {"free_days": {str(k): v for k, v in p.free_days.items()}, "counting": p.counting},
        "fraud": {"days": p.contact_days},
        "gate": {"tolerance_percent": p.mass_percent, "empties_allowed": p.empties},
        "damage": {"codes": ["major", "minor"] if p.minor_damage else ["major"]},
        "compare:weights": {"tolerance_percent": p.weight_percent},
        "compare:packages": {"tolerance": p.package_count},
        "identity": {"ignore_legal_form": True},
    }
    quote = text.splitlines()[0]
    rows: list[dict[str, Any]] = []
    for rule in canon.policy.rules:
        row: dict[str, Any] = {
            "check": rule.check,
            "outcome": rule.outcome,
            "verdict": rule.verdict,
            "reason": rule.word,
            "quote": quote,
            "params": params.get(rule.check, {}),
        }
        twists = _twists(canon, rule.check, rule.outcome, quote)
        rows.append(row | ({"exceptions": twists} if twists else {}))
    for special in canon.policy.specials:
        if special.kind == "reefer_friday":
            when = {"box.kind": [special.box_kind], "weekday": ["fri"], "after": [f"{special.hour}:00"]}
            rows.append(
                {
                    "check": "always",
                    "outcome": special.outcome,
                    "verdict": special.verdict,
                    "reason": special.word,
                    "quote": quote,
                    "when": when,
                }
            )
    return {
        "document": "POLICY.md",
        "hash": document_hash(text.encode()),
        "compare": {
            "weights": {"left": "customs.weight", "right": "goods.weight"},
            "packages": {"left": "customs.packages", "right": "goods.packages"},
        },
        "rows": rows,
    }


def _twists(canon: Canon, check: str, outcome: str, quote: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    for special in canon.policy.specials:
        if (special.check, special.outcome) != (check, outcome):
            continue
        if special.kind == "group_tolerance":
            when = {"party.group": [special.group]}
            found.append({"when": when, "params": {"tolerance": special.amount}, "quote": quote})
        if special.kind == "verdict_for_kind":
            when = {"box.kind": [special.box_kind]}
            found.append({"when": when, "verdict": special.verdict, "quote": quote})
    return found
