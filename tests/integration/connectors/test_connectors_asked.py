"""Two people ask one database: by read and by SQL each sees his rows and masks, and no text shows more."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import uuid4

import anyio.to_thread
import pytest
import sqlalchemy as sa

from pilothouse.connectors import (
    Query,
    SourceDataError,
    SourceLimitError,
    Sources,
    SourceUnavailableError,
    SourceUsageError,
    result_label,
)
from pilothouse.kernel import RIGHTS, SYSTEM, Authority, DeniedError, Principal, UsageError
from pilothouse.labels import Integrity, typed
from pilothouse.policy import Authorizer, Kind

POLICY = """
permit(principal in Group::"desk", action == Action::"read", resource is Order)
when { principal has site && resource.site == principal.site };
forbid(principal, action == Action::"read", resource is Order)
when { resource has weight && resource.weight > 20 };
"""
ORDERS = [
    (1, "hh", 5, "DE1", "call: me"),
    (2, "hh", 7, "DE2", "100 % of :it"),
    (3, "HH", 5, "DE3", ""),
    (4, "ny", 0, "US4", "o'brien"),
    (5, "ny", 99, "US5", ""),
    (6, None, 5, "XX6", ""),
    (7, "hh", None, "DE7", ""),
]
STATEMENTS = [
    "CREATE TABLE orders (id integer primary key, site varchar(20), weight integer, iban varchar(20), "
    "note varchar(40))",
    "CREATE TABLE payroll (id integer primary key, pay integer)",
    "INSERT INTO payroll VALUES (1, 4711)",
    "CREATE TABLE berths (id integer primary key, site varchar(20), name varchar(20))",
    "INSERT INTO berths VALUES (1, 'hh', 'east'), (2, 'ny', 'west'), (3, NULL, 'nowhere')",
    "CREATE TABLE ports (id integer primary key, name varchar(20))",
    "INSERT INTO ports VALUES (1, 'Hamburg'), (2, 'New York')",
    *(
        "INSERT INTO orders VALUES ({}, {}, {}, '{}', '{}')".format(
            number,
            "NULL" if site is None else f"'{site}'",
            "NULL" if weight is None else weight,
            iban,
            note.replace("'", "''"),
        )
        for number, site, weight, iban, note in ORDERS
    ),
]
LABELS: dict[str, Any] = {
    "orders": {
        "kind": "Order",
        "fields": {"iban": {"readers": ["group:finance"]}, "note": {"integrity": "untrusted"}},
    },
    "payroll": {"readers": ["group:hr"]},
    "berths": {"row": "group:{site}", "readers": ["group:desk"]},
}
HELD = frozenset({"sources:db:read", "sources:db:sql"})
AMIRA = Principal(id="amira", rights=HELD, groups=frozenset({"desk", "hh"}))
BEN = Principal(id="ben", rights=HELD, groups=frozenset({"desk", "ny", "finance"}))
WORDS = typed("amira", "run")
DATABASES = ["sqlite", "postgres", "mariadb"]
Open = Callable[..., Awaitable[Sources]]


def authority() -> Authorizer:
    return Authorizer.load(
        {"orders.cedar": POLICY},
        kinds=[Kind(name="Order", attributes={"site": "String", "weight": "Long?"})],
        facts={"site": "String"},
        principals={"amira": {"site": "hh"}, "ben": {"site": "ny"}},
    )


@pytest.fixture(params=DATABASES)
async def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A database of each sort with the same rows."""
    if request.param == "sqlite":
        found = "sqlite:///yard.sqlite"
        with sqlite3.connect(tmp_path / "yard.sqlite") as link:
            for statement in STATEMENTS:
                link.execute(statement)
        link.close()
        return found
    if request.param == "postgres":
        found = request.getfixturevalue("empty_database_url")
        driver = found.replace("postgresql:", "postgresql+psycopg:")
    else:
        name = f"yard_{uuid4().hex[:8]}"
        server = request.getfixturevalue("mariadb_url")
        driver = server.replace("mariadb:", "mariadb+pymysql:")
        await run_sql(driver, f"CREATE DATABASE {name}")
        found, driver = server + name, driver + name
    await run_sql(driver, *STATEMENTS)
    return found


async def run_sql(driver: str, *statements: str) -> None:
    def work() -> None:
        engine = sa.create_engine(driver, poolclass=sa.NullPool)
        with engine.begin() as connection:
            for statement in statements:
                connection.execution_options(no_parameters=True).exec_driver_sql(statement)
        engine.dispose()

    await anyio.to_thread.run_sync(work)


@pytest.fixture
async def opened(url: str, tmp_path: Path) -> AsyncIterator[Callable[..., Sources]]:
    """Open the database as a source, by default with the policy."""
    made: list[Sources] = []

    def open_it(*, rights_only: bool = False, **table: Any) -> Sources:
        given: dict[str, Any] = {
            "kind": "sql",
            "url": url,
            "integrity": "record",
            "readers": [],
            "labels": LABELS,
            **table,
        }
        rules: Authority = RIGHTS if rights_only else authority()
        made.append(Sources.from_config({"sources": {"db": given}}, base=tmp_path, authority=rules))
        return made[-1]

    yield open_it
    for sources in made:
        await sources.close()


def values(rows: list[Any]) -> list[tuple[Any, ...]]:
    return [tuple(row.values.values()) for row in rows]


async def test_two_people_see_their_own_rows_and_masks_by_read_and_by_sql(
    opened: Callable[..., Sources],
) -> None:
    sources = opened()
    expected = {
        AMIRA: [
            (1, "hh", 5, None, "call: me"),
            (2, "hh", 7, None, "100 % of :it"),
            (7, "hh", None, None, ""),
        ],
        BEN: [(4, "ny", 0, "US4", "o'brien")],
        SYSTEM: ORDERS,
    }
    for principal, rows in expected.items():
        assert values(await sources.read(principal, "db", Query("orders", order_by=("id",)))) == rows
        asked = await sources.select(principal, "db", "select * from orders order by id")
        assert values(asked) == rows
        counted = await sources.select(principal, "db", "select count(*) as n, count(iban) as m from orders")
        assert values(counted) == [(len(rows), sum(row[3] is not None for row in rows))]


async def test_limits_conditions_and_order_do_not_tell_of_what_is_kept_back(
    opened: Callable[..., Sources],
) -> None:
    sources = opened()

    async def read(**asked: Any) -> list[tuple[Any, ...]]:
        return values(await sources.read(AMIRA, "db", Query("orders", **asked)))

    assert await read(fields=("id",), order_by=("-id",), limit=2) == [(7,), (2,)]
    assert await read(fields=("id",), where={"iban": "DE1"}) == []
    assert await read(fields=("id", "iban"), where={"iban": None, "id": [1, 4]}) == [(1, None)]
    assert [key for (key,) in await read(fields=("id",), order_by=("iban",))] == [1, 2, 7]
    assert len(await sources.sample(AMIRA, "db", "orders", n=3)) == 3
    counts = {item.name: item.row_count for item in await sources.objects(AMIRA, "db")}
    assert counts["orders"] is None
    assert counts["ports"] == 2
    everything = {item.name: item.row_count for item in await sources.objects(SYSTEM, "db")}
    assert everything["orders"] == len(ORDERS)


async def test_a_masked_value_says_so_and_can_steer_nothing(opened: Callable[..., Sources]) -> None:
    sources = opened()
    row = (await sources.read(AMIRA, "db", Query("orders", where={"id": 1})))[0]
    masked = row.labelled("iban")
    assert masked.value is None
    assert masked.label.integrity is Integrity.UNTRUSTED
    assert masked.label.readers == frozenset()
    assert masked.label.origin.version == "masked"
    assert row.labelled("site").label.integrity is Integrity.RECORD
    whole = (await sources.read(SYSTEM, "db", Query("orders", where={"id": 1})))[0]
    assert whole.version.startswith("xmin:") == (row.version == whole.version)
    assert whole.labelled("iban").label.readers == {"group:finance"}


async def test_tables_and_rows_of_others_do_not_exist(opened: Callable[..., Sources]) -> None:
    sources = opened()
    with pytest.raises(DeniedError) as there:
        await sources.select(AMIRA, "db", "select * from payroll")
    with pytest.raises(DeniedError) as nowhere:
        await sources.select(AMIRA, "db", "select * from nowhere")
    assert there.value.message.replace("payroll", "nowhere") == nowhere.value.message
    assert values(await sources.select(AMIRA, "db", "select name from berths")) == [("east",)]
    assert values(await sources.select(BEN, "db", "select name from berths")) == [("west",)]
    hr = Principal(id="hana", rights=HELD, groups=frozenset({"hr"}))
    assert values(await sources.select(hr, "db", "select pay from payroll")) == [(4711,)]
    assert values(await sources.select(hr, "db", "select count(*) from orders")) == [(0,)]


async def test_sql_needs_both_rights_and_an_agent_too(opened: Callable[..., Sources]) -> None:
    sources = opened()
    for missing in HELD:
        less = Principal(id="amira", rights=HELD - {missing}, groups=AMIRA.groups)
        with pytest.raises(DeniedError) as refused:
            await sources.select(less, "db", "select 1")
        assert refused.value.reasons == (f"missing:{missing}",)
    agent = Principal(id="planner@3", kind="service", rights=frozenset({"sources:db:*", "group:*"}))
    through = Principal(id="amira", rights=HELD, groups=AMIRA.groups, agent=agent)
    more = replace(agent, rights=agent.rights | {"rows:Order:read"})
    seen = await sources.select(replace(through, agent=more), "db", "select id from orders")
    assert {row["id"] for row in seen} == {1, 2, 7}
    # The agent may read the source, but no policy lets an agent of its own have these rows.
    assert values(await sources.select(through, "db", "select count(*) from orders")) == [(0,)]


async def test_the_answer_carries_the_labels_of_all_it_may_be_made_of(opened: Callable[..., Sources]) -> None:
    sources = opened()

    async def asked(principal: Principal, text: str, **more: Any) -> Any:
        rows = await sources.select(principal, "db", text, **more)
        label = result_label(rows)
        assert label is not None
        return rows[0], label

    row, label = await asked(BEN, "select name from ports", label=WORDS)
    assert (label.readers, label.integrity) == (frozenset(), Integrity.RECORD)
    assert row.object == "sql(ports)"
    assert len(row.key["query"]) == 64
    assert row.labelled("name").label.origin.field == "name"
    _, unsaid = await asked(BEN, "select name from ports")
    assert unsaid.integrity is Integrity.UNTRUSTED
    row, label = await asked(BEN, "select p.id from ports p join orders o on o.id > p.id", label=WORDS)
    assert row.object == "sql(orders, ports)"
    assert (label.readers, label.integrity) == ({"group:finance"}, Integrity.UNTRUSTED)
    _, label = await asked(AMIRA, "select id from orders", label=WORDS)
    assert label.readers == frozenset()
    _, label = await asked(AMIRA, "select count(*) from berths", label=WORDS)
    assert (label.readers, label.integrity) == ({"group:desk", "group:hh"}, Integrity.RECORD)


async def test_colons_and_percent_signs_are_text(opened: Callable[..., Sources]) -> None:
    sources = opened()
    found = await sources.select(
        AMIRA, "db", "select id, ':x %s %(y)s' as a, note as a from orders where note like '1__ % of :it'"
    )
    assert [row.values for row in found] == [{"id": 2, "a": ":x %s %(y)s", "a_2": "100 % of :it"}]
    quoted = await sources.select(BEN, "db", "select id from orders where note = 'o''brien'")
    assert values(quoted) == [(4,)]


ATTACKS = [
    "select * from payroll",
    "with orders as (select * from payroll) select * from orders",
    "select 1; delete from orders",
    "insert into ports values (3, 'x')",
    "update orders set site = 'hh'",
    "delete from orders",
    "drop table orders",
    "select * into stolen from orders",
    "select * from orders for update",
    "select pg_sleep(9), sleep(9)",
    "select load_file('/etc/passwd')",
    "select current_setting('data_directory')",
    "select * from information_schema.tables",
    "select * from sqlite_master",
    "set session transaction read write",
    "pragma writable_schema = on",
    "select * from orders -- \n; drop table ports",
    "select * from ports /*! union select * from payroll */ where 1 = pay",
    "select xmin, ctid from orders",
    "select (select iban from payroll)",
    "call drop_all()",
    "explain select * from payroll",
]


async def test_attacks_change_and_show_nothing_on_the_real_server(opened: Callable[..., Sources]) -> None:
    sources = opened()
    for attack in ATTACKS:
        with pytest.raises(DeniedError, match=r"policy\.sql"):
            await sources.select(AMIRA, "db", attack)
    told = [
        "select id from orders where iban = 'DE1'",
        "select o.id from orders o join orders p on o.iban = p.iban",
        "select max(iban) from orders having max(iban) is not null",
        "select id from orders where site = 'ny' or 1 = 1 and id > 3 and id < 7",
        "select id from orders union select id from berths where site = 'ny' except select id from orders",
    ]
    for text in told:
        assert await sources.select(AMIRA, "db", text) == [], text
    assert len(await sources.read(SYSTEM, "db", Query("orders"))) == len(ORDERS)


async def test_what_the_adapter_sends_cannot_write(opened: Callable[..., Sources]) -> None:
    """Should the rewriting ever fail, the transaction itself is read-only."""
    connector: Any = opened().connector("db")
    with pytest.raises((SourceDataError, SourceUnavailableError)) as refused:
        await connector.select("INSERT INTO ports VALUES (3, 'x')", 5)
    assert "INSERT" not in refused.value.message
    assert len(await connector.select("SELECT * FROM ports", 5)) == 2


async def test_an_error_of_the_database_tells_a_code_and_no_value(
    opened: Callable[..., Sources], url: str
) -> None:
    sources = opened()
    # A sum too large fails everywhere but in what can be cast loosely.
    text = {
        "post": "select cast(note as integer) from orders where id = 4",
        "maria": "select weight - 1 - 9223372036854775807 - 9223372036854775807 from orders where id = 4",
        "sqlit": "select sum(weight + 9223372036854775807) from orders o cross join ports",
    }[next(name for name in ("post", "maria", "sqlit") if url.startswith(name))]
    with pytest.raises(SourceDataError) as refused:
        await sources.select(BEN, "db", text)
    assert refused.value.code == "sources.sql"
    assert "brien" not in refused.value.message
    assert "9223372036854775807" not in refused.value.message
    assert refused.value.__cause__ is None
    assert refused.value.__context__ is None
    if url.startswith("postgresql"):
        # The row that would divide by zero is another's: for him nothing fails.
        assert values(await sources.select(AMIRA, "db", "select id from orders where 10 / weight > 1")) == [
            (1,)
        ]
        with pytest.raises(SourceDataError, match="22012"):
            await sources.select(BEN, "db", "select id from orders where 10 / weight > 1")


async def test_slow_sql_ends_in_time(opened: Callable[..., Sources]) -> None:
    sources = opened(timeout="500ms")
    await sources.select(BEN, "db", "select 1 as a")
    many = " cross join ".join(f"ports p{number}" for number in range(34))
    with pytest.raises(SourceUnavailableError) as slow:
        await sources.select(BEN, "db", f"select count(*) from {many}")
    assert slow.value.code == "sources.timeout"
    assert len(await sources.select(BEN, "db", "select id from ports")) == 2


async def test_more_rows_than_the_limit_are_an_error_never_a_cut(opened: Callable[..., Sources]) -> None:
    sources = opened()
    assert len(await sources.select(BEN, "db", "select * from ports", limit=2)) == 2
    with pytest.raises(SourceLimitError, match="more than 1 rows"):
        await sources.select(BEN, "db", "select * from ports", limit=1)
    assert len(await sources.select(BEN, "db", "select * from ports limit 1", limit=1)) == 1


async def test_without_policies_masks_and_refusals_remain(opened: Callable[..., Sources]) -> None:
    sources = opened(rights_only=True)
    found = await sources.select(AMIRA, "db", "select id, iban from orders order by id")
    assert values(found) == [(row[0], None) for row in ORDERS]
    assert values(await sources.read(AMIRA, "db", Query("orders", fields=("iban",), where={"id": 1}))) == [
        (None,)
    ]
    with pytest.raises(DeniedError, match=r"policy\.sql"):
        await sources.select(AMIRA, "db", "select * from payroll")


async def test_a_declaration_that_does_not_fit_is_an_error(opened: Callable[..., Sources]) -> None:
    wrong = {"orders": {"kind": "Order", "attributes": {"site": "id"}}}
    with pytest.raises(SourceUsageError, match="'site' of kind 'Order', which is String"):
        await opened(labels=wrong).select(AMIRA, "db", "select 1")
    with pytest.raises(SourceUsageError, match="no field 'nix'"):
        await opened(labels={"berths": {"row": "group:{nix}"}}).select(AMIRA, "db", "select * from berths")
    nobody = opened(labels={"orders": {"kind": "Parcel"}})
    with pytest.raises(UsageError, match=r"policy\.kind"):
        await nobody.select(AMIRA, "db", "select 1")
    with pytest.raises(UsageError, match=r"policy\.kind"):
        await nobody.read(AMIRA, "db", Query("orders"))


async def test_an_acl_id_of_the_row_and_policy_both_count(opened: Callable[..., Sources]) -> None:
    sources = opened(labels={"orders": {"kind": "Order", "row": "group:{site}"}})
    both = replace(AMIRA, groups=AMIRA.groups | {"ny"})
    assert values(await sources.select(both, "db", "select id from orders order by id")) == [(1,), (2,), (7,)]
    none = replace(AMIRA, groups=AMIRA.groups - {"hh"})
    assert values(await sources.select(none, "db", "select id from orders")) == []
