"""A handful of systems, one of each technology, as a person would write them down."""

from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import pytest

from pilothouse_port.world.render import render_systems
from pilothouse_port.world.render_world import world_toml
from pilothouse_port.world.views import FieldView, ObjectView, SystemView

AS_OF = datetime(2026, 11, 20, 12, tzinfo=UTC)
BOXES = [("MSKU1234565", "ONEY111"), ("TGHU7654321", "ONEY222"), ("CAIU0000007", "ONEY333")]


def fields(**types: str) -> tuple[FieldView, ...]:
    return tuple(FieldView(name=name, type=kind) for name, kind in types.items())


def system(name: str, technology: str, *objects: ObjectView, **options: object) -> SystemView:
    return SystemView(
        name=name,
        technology=technology,
        owner="Testowner",
        title=f"The {name}",
        notes="",
        readme=f"# {name}\n",
        objects=objects,
        timezone="Europe/Amsterdam",
        options=options,
    )


def bills() -> SystemView:
    columns = (
        FieldView(name="blNumber", type="text", note="the bill's number"),
        *fields(remarks="text", kg="decimal"),
    )
    rows = [
        {"blNumber": bl, "remarks": "it's 50 % full\\ of\tGüter\nand more", "kg": Decimal("12500.500")}
        for _, bl in BOXES
    ]
    return system(
        "bills", "mariadb", ObjectView(name="masterBills", fields=columns, key=("blNumber",), rows=rows)
    )


def terminal() -> SystemView:
    columns = fields(box="text", landed="datetime", heavy="bool", day="date")
    rows = [
        {"box": box, "landed": datetime(2026, 11, 20, 7, 30), "heavy": True, "day": date(2026, 11, 20)}
        for box, _ in BOXES
    ]
    table = ObjectView(name="tos_a.visit", fields=columns, key=("box",), rows=rows, note="one visit a row")
    return system("terminal", "postgres", table, schemas=True)


def customers() -> SystemView:
    columns = (FieldView(name="Customer No", type="text"), FieldView(name="Trading Name", type="text"))
    rows = [{"Customer No": "000042", "Trading Name": "Łódź & Sons"}]
    return system(
        "customers",
        "sqlite",
        ObjectView(name="Customer Master", fields=columns, key=("Customer No",), rows=rows),
    )


def health() -> SystemView:
    columns = fields(Bescheinigung="text", Gewicht="decimal", Datum="date", Erzeugt="datetime")
    rows = [
        {
            "Bescheinigung": f"DE{n}",
            "Gewicht": Decimal("1.5"),
            "Datum": date(2026, 11, n),
            "Erzeugt": datetime(2026, 11, n, 6),
        }
        for n in (1, 2)
    ]
    files = {
        "freigaben": [{"name": "freigaben_1.csv", "rows": [0]}, {"name": "freigaben_2.csv", "rows": [0, 1]}]
    }
    return system(
        "health",
        "drop",
        ObjectView(name="freigaben", fields=columns, key=("Bescheinigung",), rows=rows),
        files=files,
        encoding="cp1252",
        delimiter=";",
        decimal=",",
        date="%d.%m.%Y",
        datetime="%d.%m.%Y %H:%M",
        dump="full",
    )


def customs(**options: object) -> SystemView:
    columns = fields(
        document="text", function="text", at="datetime", declaration="text", container="text", bl="text",
        status="text", packages="int", weight="decimal", remark="text",
    )  # fmt: skip
    rows = [
        {
            "document": f"D{n}", "function": "9", "at": datetime(2026, 11, 20, 8, n),
            "declaration": f"26NL{n}",
            "container": box, "bl": bl, "status": "CLR", "packages": 12 + n, "weight": Decimal("900.5"),
            "remark": "what's + this: a café?",
        }
        for n, (box, bl) in enumerate(BOXES)
    ]  # fmt: skip
    message = ObjectView(name="CUSRES", fields=columns, key=("document",), rows=rows)
    given = {"directory": "D.95B", "syntax": "UNOC", "una": "UNA:+.? '", "dialect": "eqd", "damage": []}
    files = [{"name": "a.edi", "rows": [0, 1]}, {"name": "b.edi", "rows": [2]}]
    return system("customs", "edifact", message, **{**given, "interchanges": files, **options})


def community(**options: object) -> SystemView:
    columns = fields(right_id="text", unit="text", bl_no="text", party="text", state="text", version="int")
    rows = [
        {"right_id": f"X{n}", "unit": box, "bl_no": bl, "party": "acme", "state": "OPEN", "version": 1}
        for n, (box, bl) in enumerate(BOXES[:2])
    ]
    writes = {
        "create": "createRight",
        "cancel": "cancelRight",
        "fields": {
            "id": "right_id", "container": "unit", "bl": "bl_no", "party": "party",
            "state": "state", "version": "version",
        },
        "words": {"active": "STANDS", "cancelled": "GONE"},
        "known": [list(pair) for pair in BOXES],
    }  # fmt: skip
    rights = ObjectView(name="rights", fields=columns, key=("right_id",), rows=rows)
    given = {
        "paging": "cursor",
        "page_size": 1,
        "every_nth_429": 0,
        "base_path": "/v2",
        "writes": {"rights": writes},
    }
    return system(
        "community", "http", rights, **{**given, "filters": {"rights": ["unit", "bl_no"]}, **options}
    )


def mailbox() -> SystemView:
    rows = [
        {
            "message_id": "1@acme.example", "from": "Ann <ann@acme.example>", "reply_to": None,
            "to": "desk@agency.example", "date": datetime(2026, 11, 20, 9),
            "subject": "Container MSKU1234565 – frei?", "text": "Grüße,\nAnn", "in_reply_to": None,
            "attachments": [{"filename": "note.txt", "content_type": "text/plain", "text": "see above"}],
        }
    ]  # fmt: skip
    columns = fields(**dict.fromkeys(rows[0], "text"))
    return system(
        "mailbox", "mail", ObjectView(name="messages", fields=columns, key=("message_id",), rows=rows)
    )


def haulier() -> SystemView:
    rows = [{"unit": box, "job": f"J{n}"} for n, (box, _) in enumerate(BOXES)]
    tool = ObjectView(name="find_jobs", fields=fields(unit="text", job="text"), key=("unit",), rows=rows)
    return system("haulier", "mcp", tool, descriptions={"find_jobs": "Jobs for a unit."})


def every_system() -> list[SystemView]:
    return [bills(), terminal(), customers(), health(), customs(), community(), mailbox(), haulier()]


def write_world(out: Path, views: list[SystemView]) -> Path:
    world = out / "world"
    render_systems(views, world / "systems")
    (world / "world.toml").write_text(world_toml(views, as_of=AS_OF, timezone="Europe/Amsterdam"))
    return world


class Made:
    """What the tests of this folder write down: systems, boxes and a world of them."""

    boxes = BOXES
    customs = staticmethod(customs)
    community = staticmethod(community)
    every_system = staticmethod(every_system)
    write_world = staticmethod(write_world)


@pytest.fixture(scope="session")
def made() -> type[Made]:
    return Made
