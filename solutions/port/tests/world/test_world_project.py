"""Each system shows its own view under its own names; together they hold every fact, and no answer."""

import re
from collections import defaultdict
from datetime import date, datetime
from decimal import Decimal

import pytest

from pilothouse_port.facts import FACTS
from pilothouse_port.world.canon import build_canon
from pilothouse_port.world.oracle import answer_key
from pilothouse_port.world.oracle.facts import Books
from pilothouse_port.world.project import places, project, show_fact
from pilothouse_port.world.views import EDIFACT_FIELDS, MAIL_FIELDS

SEEDS = range(20)
_WRITTEN = {"dtm": "at", "gross_mass": "weight", "dg_class": "hazard_class", "verified_mass": "mass"}


def _text(value):
    if isinstance(value, Decimal):
        return format(value, "f")
    if isinstance(value, datetime | date):
        return value.isoformat()
    return None if value is None else str(value)


def _read_as(view, thing):
    """A resource is read by its path."""
    return f"/{thing.name}" if view.technology == "http" else thing.name


def _attached(canon, one):
    """Say whether the sentence stands in what hangs on the mail; a file that nobody can open has none."""
    (mail,) = [m for m in canon.texts.mails if m.message_id == one["key"]["message_id"]]
    if mail.intent == "unreadable":
        assert one["value"] is None
        return 0
    assert one["value"] in mail.enclosures[0].text
    assert one["value"] not in mail.text
    return 1


class Reader:
    """Looks rows up as somebody who knows the names would."""

    def __init__(self, views):
        self._rows = {(v.name, _read_as(v, o)): o.rows for v in views for o in v.objects}
        self._index = {}

    def rows(self, system, name, key):
        rows = self._rows[system, name]
        fields = tuple(_WRITTEN.get(f, f) if name in EDIFACT_FIELDS else f for f in key)
        at = (system, name, fields)
        if at not in self._index:
            found = defaultdict(list)
            for row in rows:
                found[tuple(_text(row[f]) for f in fields)].append(row)
            self._index[at] = found
        return self._index[at][tuple(key.values())]

    @staticmethod
    def value(row, name, field):
        return _text(row[_WRITTEN.get(field, field) if name in EDIFACT_FIELDS else field])


@pytest.mark.parametrize("seed", SEEDS)
def test_every_piece_of_evidence_in_the_key_is_really_there(seed):
    canon = build_canon(seed)
    reader = Reader(project(canon))
    checked = 0
    for line in answer_key(canon):
        for one in line["evidence"]:
            if one["object"] == "attachments":
                checked += _attached(canon, one)
                continue
            rows = reader.rows(one["system"], one["object"], one["key"])
            values = [reader.value(row, one["object"], one["field"]) for row in rows]
            if one["value"] is None:
                continue
            checked += 1
            assert any(v == one["value"] or (v and one["value"] in v) for v in values), one
    assert checked > 50


@pytest.mark.parametrize("seed", SEEDS)
def test_every_fact_of_the_catalogue_has_a_place_in_a_system_that_exists(seed):
    canon = build_canon(seed)
    fields = {(v.name, _read_as(v, o)): {f.name for f in o.fields} for v in project(canon) for o in v.objects}
    found = places(canon)
    assert set(FACTS) <= set(found)
    for fact, place in found.items():
        have = fields[place.system, place.object]
        for name in (place.field, *place.key.values(), *filter(None, [place.latest_by])):
            wanted = _WRITTEN.get(name, name) if place.object in EDIFACT_FIELDS else name
            assert wanted in have, (fact, name)


@pytest.mark.parametrize("seed", range(6))
def test_facts_read_at_their_place_are_the_truth(seed):
    """The newest row found by the key shows what the hidden world says."""
    canon = build_canon(seed)
    reader, where, books = Reader(project(canon)), places(canon), Books.of(canon)
    checked = 0
    for lot in canon.consignments:
        subject = {
            "container": lot.container.number,
            "bl": lot.bill.number,
            "bill_id": lot.bill.uuid,
            "party": lot.bill.consignee.number,
        }
        truth = {
            "goods.weight": lot,
            "goods.hs": lot,
            "seal.terminal": lot.container,
            "box.size": lot.container,
            "customs.state": books.customs.get(lot.key),
            "order.state": books.orders.get(lot.key),
            "title.state": books.surrenders.get(lot.bill.number),
            "consignee.name": books.bills[lot.bill.number],
            "stop.listed": books.blocks.get(lot.container.number),
        }
        for fact, record in truth.items():
            place = where[fact]
            key = {field: subject[part] for part, field in place.key.items()}
            rows = reader.rows(place.system, place.object, key)
            if record is None:
                assert not rows
                continue
            if place.latest_by:
                rows = sorted(rows, key=lambda r: reader.value(r, place.object, place.latest_by))
            assert reader.value(rows[-1], place.object, place.field) == show_fact(canon, fact, record)
            checked += 1
    assert checked > 300


@pytest.mark.parametrize("seed", SEEDS)
def test_a_world_uses_every_technology_and_a_row_has_every_field(seed):
    views = project(build_canon(seed))
    assert len(views) == 14
    assert len({view.name for view in views}) == 14
    assert {v.technology for v in views} == {
        "mariadb", "postgres", "sqlite", "edifact", "drop", "http", "mail", "mcp",
    }  # fmt: skip
    for view in views:
        for thing in view.objects:
            names = [field.name for field in thing.fields]
            assert len({name.lower() for name in names}) == len(names), thing.name
            assert set(thing.key) <= set(names)
            assert all(list(row) == names for row in thing.rows)
            if thing.key and view.technology != "mcp":
                keys = [tuple(row[k] for k in thing.key) for row in thing.rows]
                assert len(keys) == len(set(keys)), (view.name, thing.name)


def test_messages_have_the_agreed_fields():
    for view in project(build_canon(1)):
        for thing in view.objects:
            names = {field.name for field in thing.fields}
            if view.technology == "edifact":
                assert names == set(EDIFACT_FIELDS[thing.name])
                held = [n for one in view.options["interchanges"] for n in one["rows"]]
                assert held == list(range(len(thing.rows)))
            if view.technology == "mail":
                assert names == set(MAIL_FIELDS)
            if view.technology == "drop":
                held = [n for one in view.options["files"][thing.name] for n in one["rows"]]
                assert held == list(range(len(thing.rows)))


def _schema(seed):
    return {(o.name, f.name) for v in project(build_canon(seed)) for o in v.objects for f in o.fields}


def test_a_new_seed_is_a_new_schema():
    fixed = {(kind, name) for kind, names in EDIFACT_FIELDS.items() for name in names}
    fixed |= {("messages", name) for name in MAIL_FIELDS}
    one, two = _schema(101) - fixed, _schema(202) - fixed
    assert len(one & two) < 0.05 * len(one)


def test_seeds_deal_systems_to_other_technologies_languages_and_keys():
    seen = defaultdict(set)
    for seed in range(40):
        canon = build_canon(seed)
        for view in project(canon):
            seen[view.options["role"]].add(view.technology)
            seen["languages"].add(view.language)
        found = places(canon)
        seen["payment key"].add(tuple(found["payment.unmatched"].key))
        seen["item key"].add(tuple(found["goods.weight"].key))
        seen["cover key"].add(tuple(found["credit.limit"].key))
    assert all(len(seen[role]) == 3 for role in ("bills", "receivables", "customers", "terminal"))
    assert len(seen["health"]) > 1
    assert seen["languages"] == {"en", "de", "nl", "fr", "es"}
    assert all(len(seen[key]) == 2 for key in ("payment key", "item key", "cover key"))


@pytest.mark.parametrize("seed", range(8))
def test_no_system_gives_an_answer_away(seed):
    """Neither verdicts nor reason words nor what was dealt can be read anywhere in the world's systems.

    The policy's words stand in the tickets of past boxes alone; a world without a past has none.
    """
    canon = build_canon(seed, history=0)
    dump = "\n".join(
        [view.readme + view.notes + view.title for view in project(canon)]
        + [str(row) for view in project(canon) for thing in view.objects for row in thing.rows]
    )
    for word in ("ESCALATE", "text_only", *(flag for lot in canon.consignments for flag in lot.flags)):
        assert word not in dump
    for rule in canon.policy.rules:
        if canon.policy.word_style == "words" and "_" in rule.word:
            assert not re.search(rf"(?<!\w){rule.word}(?!\w)", dump)


def test_the_faults_that_real_systems_have_are_there():
    seen = defaultdict(int)
    for seed in range(12):
        canon = build_canon(seed, "day")
        for view in project(canon):
            for thing in view.objects:
                rows = [str(row) for row in thing.rows]
                seen["doubled"] += len(rows) - len(set(rows))
            seen["damaged"] += len(view.options.get("damage", ()))
        seen["reversals"] += sum(row.open < 0 for row in canon.books.charges)
        seen["amended"] += sum(version.version > 1 for version in canon.versions)
        seen["late"] += sum(
            a.sent < b.sent and a.received > b.received
            for a, b in zip(canon.papers.customs, canon.papers.customs[1:], strict=False)
            if a.document == b.document
        )
        seen["units"] += sum(message.unit != "KGM" for message in canon.papers.masses)
    assert min(seen[k] for k in ("doubled", "damaged", "reversals", "amended", "late", "units")) > 5, seen


def test_a_dictionary_says_what_the_codes_mean():
    canon = build_canon(4)
    by_name = {view.name: view for view in project(canon)}
    for place in places(canon).values():
        for word in place.codes.values():
            assert f"{word} = " in by_name[place.system].readme


def test_nothing_in_the_folder_of_a_world_reaches_the_answers(tmp_path):
    from pilothouse_port.world.render_world import make_world

    made = make_world(tmp_path, seed=6)
    assert not made.key.is_relative_to(made.world)
    canon = build_canon(6)
    flags = {flag.encode() for lot in canon.consignments for flag in lot.flags}
    for path in made.world.rglob("*"):
        assert not path.is_symlink()
        if path.is_file():
            content = path.read_bytes()
            assert path.name == "POLICY.md" or b"ESCALATE" not in content
            assert not any(flag in content for flag in flags), path
