# ruff: noqa: E501 - lines of port.yaml are kept as a person writes them
"""A port is mapped by a file; rows become facts, and whatever is wrong becomes an unknown with a cause."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from port_samples import AT

from pilothouse.connectors import Query, Row, choose
from pilothouse.connectors.errors import SourceDataError, SourceUnavailableError
from pilothouse.decisions import Evidence
from pilothouse.kernel import UsageError
from pilothouse.labels import Integrity
from pilothouse_port.bindings import gather, list_consignments, load_bindings, mentions
from pilothouse_port.bindings.coverage import cover
from pilothouse_port.bindings.values import apply, moment_of, to_decimal
from pilothouse_port.policy import document_hash
from pilothouse_port.types import Absent, Consignment, Fact, Facts, Unknown

POLICY = "1. Unpaid cargo is held.\n2. A stop by mail escalates.\n3. Customs must clear.\n"
HEAD = """\
timezone: Europe/Amsterdam
list: {system: yard, object: list, container: BOX, bl: BILL, call: CALL}
"""
TAIL = """
policy:
  document: POLICY.md
  hash: "HASH"
  rows:
    - {check: money, outcome: unpaid, verdict: HOLD, reason: M, quote: "Unpaid cargo is held."}
    - {check: customs, outcome: held, verdict: ESCALATE, reason: C, quote: "Customs must clear."}
"""
MAIL_ROW = '    - {check: stop, outcome: instructed, verdict: ESCALATE, reason: S, quote: "A stop by mail escalates."}\n'
ONE, TWO = "MSCU1234566", "TGHU7654321"


class FakeSystems:
    """Tables in memory; a string instead of rows is a failure."""

    def __init__(self, tables: Mapping[str, Sequence[Mapping[str, Any]] | str]) -> None:
        self.tables = tables
        self.queries: list[tuple[str, Query]] = []
        self.integrity = Integrity.RECORD

    async def read(self, system: str, query: Query) -> list[Row]:
        self.queries.append((system, query))
        rows = self.tables[f"{system}.{query.object}"]
        if isinstance(rows, str):
            kind = SourceUnavailableError if rows == "down" else SourceDataError
            raise kind(system, rows)
        made = [
            Row(
                source=system,
                object=query.object,
                key={"n": str(number)},
                values=dict(values),
                version="1",
                read_at=AT.astimezone(UTC),
                integrity=self.integrity,
                as_of=values.get("_as_of"),
            )
            for number, values in enumerate(rows)
        ]
        names = [name for row in made for name in row.values]
        return choose(system, query, made, names) if made else []


def write(tmp_path: Path, middle: str, *, tail: str = TAIL) -> Path:
    (tmp_path / "POLICY.md").write_text(POLICY, encoding="utf-8")
    path = tmp_path / "port.yaml"
    path.write_text(HEAD + middle + tail.replace("HASH", document_hash(POLICY.encode())), encoding="utf-8")
    return path


LIST = [
    {"BOX": ONE, "BILL": "B1", "CALL": "C1"},
    {"BOX": TWO, "BILL": "B2", "CALL": "C1"},
]


async def facts_of(
    tmp_path: Path,
    middle: str,
    tables: Mapping[str, Any],
    *,
    tail: str = TAIL,
    names: Sequence[str] | None = None,
) -> tuple[list[Facts], FakeSystems]:
    systems = FakeSystems({"yard.list": LIST, **tables})
    bindings = load_bindings(write(tmp_path, middle, tail=tail))
    boxes = await list_consignments(bindings, systems)
    systems.queries.clear()
    got = await gather(bindings, systems, boxes, at=AT, names=names)
    assert got.lookups == len(systems.queries)
    return list(got.facts), systems


async def test_a_value_that_is_not_there_is_the_same_evidence_alone_and_in_a_batch(tmp_path: Path) -> None:
    """What others in the batch have must not show in it: a release is compared with a second, single look."""
    middle = "facts:\n  stop.listed: {system: yard, object: stops, key: {container: BOX}, value: STOP}\n"

    class Guarded(FakeSystems):
        async def read(self, system: str, query: Query) -> list[Row]:
            return [
                replace(row, readers=frozenset({"acl:desk"})) for row in await super().read(system, query)
            ]

    systems = Guarded({"yard.list": LIST, "yard.stops": [{"BOX": TWO, "STOP": "active"}]})
    bindings = load_bindings(write(tmp_path, middle))
    boxes = await list_consignments(bindings, systems)
    together = await gather(bindings, systems, boxes, at=AT, names=["stop.listed"])
    alone = await gather(bindings, systems, boxes[:1], at=AT, names=["stop.listed"])
    first, again = (got.facts[0]["stop.listed"] for got in (together, alone))
    assert isinstance(first, Absent) and isinstance(again, Absent)
    hashes = [Evidence.of("stop.listed", one.cited[0]).hash for one in (first, again)]
    assert hashes[0] == hashes[1]


OPEN_ITEMS = """
systems: {books: {decimal: ","}}
facts:
  charge.open_amount: {system: books, object: items, key: {bl: REF}, value: SUM, take: sum, unless: {STATE: X}}
  charge.document: {system: books, object: items, key: {bl: REF}, value: DOC}
  payment.unmatched: {system: books, object: bank, key: {document: {field: NO, as: ["zfill:6"]}}, value: PAID, take: sum}
"""


async def test_facts_of_one_table_share_one_look_up_and_keys_hang_on_facts(tmp_path: Path) -> None:
    tables = {
        "books.items": [
            {"REF": "B1", "SUM": "1.200,50", "DOC": "77", "STATE": "O"},
            {"REF": "B1", "SUM": "200,50-", "DOC": "78", "STATE": "O"},
            {"REF": "B1", "SUM": "9.999,00", "DOC": "79", "STATE": "X"},
        ],
        "books.bank": [{"NO": "000078", "PAID": "40,00"}],
    }
    names = ["charge.open_amount", "payment.unmatched"]
    (first, second), systems = await facts_of(tmp_path, OPEN_ITEMS, tables, names=names)
    amount = first["charge.open_amount"]
    assert isinstance(amount, Fact)
    assert amount.value == Decimal("1000.00")
    assert [item.label.origin.key for item in amount.cited] == [{"n": "0"}, {"n": "1"}]
    paid = first["payment.unmatched"]
    assert isinstance(paid, Fact)
    assert paid.value == Decimal(40)
    assert isinstance(second["charge.open_amount"], Absent)
    assert [query.object for _, query in systems.queries] == ["items", "bank"]


CUSTOMS = """
facts:
  customs.state: {system: gov, object: ANSWERS, key: {container: BOX}, value: WORD, latest_by: AT,
    codes: {A: cleared, H: held}, cancels: {field: F, words: 1, of: REF}, max_age: 48h, age_by: AT}
"""


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        ([("A", "202603040800", 9, "r1"), ("H", "202603040700", 9, "r2")], "cleared"),
        ([("A", "202603040600", 9, "r1"), ("H", "202603040700", 9, "r2")], "held"),
        (
            [("A", "202603040600", 9, "r1"), ("H", "202603040700", 9, "r2"), ("H", "202603040800", 1, "r2")],
            "cleared",
        ),
        ([("A", "202603040700", 9, "r1"), ("H", "202603040700", 9, "r2")], "contradicting"),
        ([("A", "202603040700", 9, "r1"), ("A", "202603040700", 9, "r2")], "cleared"),
        ([("Q", "202603040700", 9, "r1")], "unmapped"),
        ([("A", "202603010700", 9, "r1")], "stale"),
        ([], "absent"),
    ],
)
async def test_the_last_word_is_by_time_and_cancelled_messages_do_not_stand(
    tmp_path: Path, rows: list[tuple[Any, ...]], expected: str
) -> None:
    table = [{"BOX": ONE, "WORD": w, "AT": at, "F": f, "REF": ref} for w, at, f, ref in rows]
    (first, _), _ = await facts_of(tmp_path, CUSTOMS, {"gov.ANSWERS": table}, names=["customs.state"])
    reading = first["customs.state"]
    got = reading.cause if isinstance(reading, Unknown) else "absent"
    assert (reading.value if isinstance(reading, Fact) else got) == expected


@pytest.mark.parametrize(("table", "cause"), [("down", "system_down"), ([{"OTHER": 1}], "unbound")])
async def test_a_silent_system_or_a_column_that_went_is_an_unknown(
    tmp_path: Path, table: Any, cause: str
) -> None:
    (first, _), _ = await facts_of(tmp_path, CUSTOMS, {"gov.ANSWERS": table}, names=["customs.state"])
    reading = first["customs.state"]
    assert isinstance(reading, Unknown)
    assert reading.cause == cause
    assert "gov" in reading.detail


async def test_an_unbound_fact_is_unknown_and_so_is_everything_its_key_gives(tmp_path: Path) -> None:
    (first, _), _ = await facts_of(
        tmp_path,
        OPEN_ITEMS,
        {"books.items": "down", "books.bank": []},
        names=["payment.unmatched", "title.kind"],
    )
    paid, kind = first["payment.unmatched"], first["title.kind"]
    assert isinstance(paid, Unknown)
    assert paid.cause == "system_down"
    assert isinstance(kind, Unknown)
    assert kind.cause == "unbound"


async def test_an_untrusted_row_is_not_a_fact(tmp_path: Path) -> None:
    systems = FakeSystems(
        {"yard.list": LIST, "gov.ANSWERS": [{"BOX": ONE, "WORD": "A", "AT": AT, "F": 9, "REF": "r"}]}
    )
    bindings = load_bindings(write(tmp_path, CUSTOMS))
    boxes = await list_consignments(bindings, systems)
    systems.integrity = Integrity.UNTRUSTED
    got = await gather(bindings, systems, boxes, at=AT, names=["customs.state"])
    reading = got.facts[0]["customs.state"]
    assert isinstance(reading, Unknown)
    assert reading.cause == "unread"


@pytest.mark.parametrize(
    ("said", "cause"),
    [
        ("endorsed_by: port captain", None),
        ("endorsed_by: TODO who vouches that its fields are records", "unread"),
        ("endorsed_by: ' todo'", "unread"),
        ('endorsed_by: ""', "unread"),
        ("endorsed_by: ~", "unread"),
        ("timezone: UTC", "unread"),
    ],
)
async def test_only_a_named_person_vouches_for_an_untrusted_source(
    tmp_path: Path, said: str, cause: str | None
) -> None:
    """The placeholder of a draft vouches for nothing, and the check says so."""
    systems = FakeSystems(
        {"yard.list": LIST, "gov.ANSWERS": [{"BOX": ONE, "WORD": "A", "AT": AT, "F": 9, "REF": "r"}]}
    )
    bindings = load_bindings(write(tmp_path, f"systems:\n  gov: {{{said}}}\n" + CUSTOMS))
    boxes = await list_consignments(bindings, systems)
    systems.integrity = Integrity.UNTRUSTED
    got = await gather(bindings, systems, boxes, at=AT, names=["customs.state"])
    reading = got.facts[0]["customs.state"]
    assert (reading.cause if isinstance(reading, Unknown) else None) == cause
    problems = cover(bindings, got.facts, lookups=1).problems
    assert any("endorsed_by" in problem for problem in problems) is said.startswith("endorsed_by") & (
        cause is not None
    )


JOINED = """
joins:
  tax: {system: crm, object: parties, key: {party: No}, value: "VAT No"}
facts:
  consignee.party: {system: bills, object: bl, key: {bl: Ref}, value: Cnee, as: [strip, "zfill:5"]}
  credit.limit: {system: cover, object: cover, key: {tax: NUM}, value: PLAFOND, as: [decimal_comma]}
  stop.listed:
    - {system: yard, object: blocks, key: {container: {field: EQ, clean: [box]}}, exists: active, unless: {LIFTED: filled}}
    - {system: crm, object: parties, key: {party: No}, value: Stop, codes: {Y: active, "N": lifted}}
"""


async def test_joins_lead_through_another_system_and_a_stop_anywhere_stops(tmp_path: Path) -> None:
    tables = {
        "bills.bl": [{"Ref": "B1", "Cnee": "42"}, {"Ref": "B2", "Cnee": "43"}],
        "crm.parties": [
            {"No": "00042", "VAT No": "NL1", "Stop": "N"},
            {"No": "00043", "VAT No": None, "Stop": "N"},
        ],
        "cover.cover": [{"NUM": "NL1", "PLAFOND": "5.000,00"}],
        "yard.blocks": [{"EQ": "MSCU 123456-6", "LIFTED": None}, {"EQ": TWO, "LIFTED": "2026-03-01"}],
    }
    names = ["credit.limit", "stop.listed"]
    (first, second), systems = await facts_of(tmp_path, JOINED, tables, names=names)
    limit = first["credit.limit"]
    assert isinstance(limit, Fact)
    assert limit.value == Decimal(5000)
    assert isinstance(second["credit.limit"], Absent)
    stops = [f["stop.listed"] for f in (first, second)]
    assert [stop.value for stop in stops if isinstance(stop, Fact)] == ["active", "lifted"]
    assert sorted(query.object for _, query in systems.queries) == ["bl", "blocks", "cover", "parties"]


TEXTS = """
texts:
  desk: {kind: mail, system: post, object: messages, text: [subject, text], at: date, id: id, reply: answers}
facts: {}
"""


async def test_unread_mail_attaches_by_mention_thread_and_time(tmp_path: Path) -> None:
    mails = [
        {
            "id": "1",
            "answers": None,
            "date": "2026-03-04T08:00:00+01:00",
            "subject": "box mscu 123456-6",
            "text": "hi",
        },
        {"id": "2", "answers": "1", "date": "2026-03-04T09:00:00+01:00", "subject": "Re:", "text": "stop it"},
        {"id": "3", "answers": None, "date": "2026-03-05T09:00:00+01:00", "subject": TWO, "text": "tomorrow"},
    ]
    (first, second), _ = await facts_of(
        tmp_path, TEXTS, {"post.messages": mails}, tail=TAIL + MAIL_ROW, names=[]
    )
    assert [text.text.value for text in first.unread] == ["hi", "stop it"]
    assert second.unread == ()


async def test_a_text_source_that_is_down_or_unbound_is_an_unknown(tmp_path: Path) -> None:
    (first, _), _ = await facts_of(tmp_path, TEXTS, {"post.messages": "down"}, tail=TAIL + MAIL_ROW, names=[])
    gap = first["text.mail"]
    assert isinstance(gap, Unknown)
    assert gap.cause == "system_down"
    (first, _), _ = await facts_of(tmp_path, "facts: {}\n", {}, tail=TAIL + MAIL_ROW, names=[])
    gap = first["text.mail"]
    assert isinstance(gap, Unknown)
    assert gap.cause == "unbound"


@pytest.mark.parametrize(("per", "state"), [("", "lifted"), ("per: TYPE, ", "active")])
async def test_a_lift_takes_back_blocks_of_other_types_unless_each_type_stands_apart(
    tmp_path: Path, per: str, state: str
) -> None:
    """The example of the reference page."""
    blocks = [
        {"BOX": ONE, "TYPE": "rent", "STATE": "A", "AT": "2026-03-04 08:00"},
        {"BOX": ONE, "TYPE": "seal", "STATE": "A", "AT": "2026-03-04 09:00"},
        {"BOX": ONE, "TYPE": "rent", "STATE": "L", "AT": "2026-03-04 10:00"},
    ]
    middle = (
        "facts:\n  stop.listed: {system: yard, object: blocks, key: {container: BOX}, value: STATE, "
        f"codes: {{A: active, L: lifted}}, latest_by: AT, {per}take: any}}\n"
    )
    (first, _), _ = await facts_of(tmp_path, middle, {"yard.blocks": blocks}, names=["stop.listed"])
    reading = first["stop.listed"]
    assert isinstance(reading, Fact)
    assert reading.value == state


REMARKS = """
texts:
  notes: {kind: remark, system: yard, object: notes, key: {container: BOX}, text: NOTE, known: ["No damage."]}
facts: {}
"""
REMARKED = (
    '    - {check: damage, outcome: remarked, verdict: HOLD, reason: D, quote: "Unpaid cargo is held."}\n'
)


async def test_words_a_person_approved_as_empty_are_not_unread(tmp_path: Path) -> None:
    notes = [{"BOX": ONE, "NOTE": "no damage"}, {"BOX": TWO, "NOTE": "door bent"}]
    (first, second), _ = await facts_of(
        tmp_path, REMARKS, {"yard.notes": notes}, tail=TAIL + REMARKED, names=[]
    )
    assert first.unread == ()
    assert [text.text.value for text in second.unread] == ["door bent"]


@pytest.mark.parametrize(
    ("written", "seen"),
    [
        ("2026-03-04 11:59", True),
        ("2026-03-04 12:01", False),
        ("2026-03-04T11:30:00Z", False),
        ("some time", True),
    ],
)
async def test_a_remark_written_after_the_time_asked_about_is_not_there_yet(
    tmp_path: Path, written: str, seen: bool
) -> None:
    middle = REMARKS.replace("text: NOTE", "text: NOTE, at: AT")
    notes = [{"BOX": ONE, "NOTE": "door bent", "AT": written}]
    (first, _), _ = await facts_of(tmp_path, middle, {"yard.notes": notes}, tail=TAIL + REMARKED, names=[])
    assert bool(first.unread) is seen


async def test_the_time_of_a_remark_is_local_to_its_system(tmp_path: Path) -> None:
    middle = "systems:\n  yard: {timezone: Asia/Tokyo}\n" + REMARKS.replace(
        "text: NOTE", "text: NOTE, at: AT"
    )
    notes = [{"BOX": ONE, "NOTE": "door bent", "AT": "2026-03-04 19:30"}]
    (first, _), _ = await facts_of(tmp_path, middle, {"yard.notes": notes}, tail=TAIL + REMARKED, names=[])
    assert [text.text.value for text in first.unread] == ["door bent"], "11:30 in Amsterdam"


@pytest.mark.parametrize(
    ("words", "hit"),
    [
        ("MSCU 123456 6", True),
        ("mscu-I2E4566", False),
        ("Container: MSCU123456-6,", True),
        ("MSCUl234566", True),
        ("MSCU123456", True),
        ("B/L no. hlcu 99-77", True),
        ("MSCU1234576", False),
    ],
)
def test_mentions_survive_spacing_and_slips(words: str, hit: bool) -> None:
    assert bool(mentions(words, Consignment(container=ONE, bl="HLCU9977", call=""))) is hit


@pytest.mark.parametrize(
    ("middle", "message"),
    [
        ("facts:\n  moon.phase: {system: a, object: b, key: {bl: X}, value: V}\n", "moon.phase"),
        (
            "facts:\n  title.kind: {system: a, object: b, key: {moon: X}, value: V}\n",
            "nothing gives the key 'moon'",
        ),
        (
            "facts:\n  title.kind: {system: a, object: b, key: {bl: X}, value: V, as: [uper]}\n",
            "'uper' is no transform",
        ),
        ("facts:\n  title.kind: {system: a, object: b, key: {bl: X}}\n", "line 4"),
        ("facts:\n  title.kind: {system: a, objekt: b, key: {bl: X}, value: V}\n", "objekt"),
        ("facts: {title.kind: [\n", "is not YAML"),
    ],
)
def test_a_wrong_file_names_line_and_value(tmp_path: Path, middle: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        load_bindings(write(tmp_path, middle))


def test_a_changed_policy_document_makes_the_table_stale(tmp_path: Path) -> None:
    path = write(tmp_path, "facts: {}\n")
    assert not load_bindings(path).table.stale
    (tmp_path / "POLICY.md").write_text(POLICY + "4. Sundays off.\n", encoding="utf-8")
    assert load_bindings(path).table.stale


def test_values_are_read_as_people_write_them() -> None:
    assert to_decimal("1.234,56-", ",") == Decimal("-1234.56")
    assert to_decimal("EUR 1,234.50") == Decimal("1234.50")
    assert apply(["iso_box:AAAA 999999-9"], ONE) == "MSCU 123456-6"
    assert apply(["split:;", "strip", "slice::2"], "0201; 94") == ("02", "94")
    winter = datetime(2026, 3, 4, 7, tzinfo=UTC)
    assert moment_of("04.03.2026 08:00", zone="Europe/Amsterdam") == winter
    assert moment_of(date(2026, 3, 4), zone="UTC") == datetime(2026, 3, 4, tzinfo=UTC)
    with pytest.raises(Exception, match="no time that is clear"):
        moment_of("03/04/2026", zone="UTC")
