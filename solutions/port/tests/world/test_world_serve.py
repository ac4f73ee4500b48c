"""Stories of running a world: real servers, quick, found again, killed, stopped; writes counted there."""

import json
import os
import shutil
import signal
import stat
import subprocess
import sys
import time
import tomllib
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from pathlib import Path

import httpx
import psutil
import pytest

from pilothouse.connectors import Query, Sources
from pilothouse.kernel import SYSTEM, ConflictError, DataError, UsageError, passing
from pilothouse.labels import Integrity
from pilothouse_port.world import serve
from pilothouse_port.world.systems.servers import mariadb

pytestmark = pytest.mark.timeout(120)


@pytest.fixture(scope="module")
def world(made, tmp_path_factory):
    world = made.write_world(tmp_path_factory.mktemp("served"), made.every_system())
    serve.up(world, owner=os.getpid())
    yield world
    serve.down(world, forget=True)


def sources(world: Path) -> dict:
    return tomllib.loads((serve.run_folder(world) / "pilothouse.toml").read_text())["sources"]


def query(world: Path, name: str, sql: str) -> list:
    import sqlalchemy as sa

    url = json.loads((serve.run_folder(world) / "secrets.json").read_text())[name]
    url = url.replace("mariadb://", "mariadb+pymysql://").replace("postgresql://", "postgresql+psycopg://")
    engine = sa.create_engine(url)
    try:
        with engine.connect() as connection:
            return [tuple(row) for row in connection.exec_driver_sql(sql)]
    finally:
        engine.dispose()


def client(world: Path, name: str = "community") -> httpx.Client:
    return httpx.Client(base_url=sources(world)[name]["url"], trust_env=False)


def test_the_databases_hold_what_the_views_say(world):
    assert (
        query(world, "bills", "SELECT remarks, kg FROM masterBills")[0][0]
        == "it's 50 % full\\ of\tGüter\nand more"
    )
    assert len(query(world, "terminal", "SELECT * FROM tos_a.visit WHERE heavy")) == 3


@pytest.mark.parametrize(
    ("name", "sql"),
    [("bills", "DELETE FROM masterBills"), ("terminal", "DELETE FROM tos_a.visit")],
)
def test_a_reader_may_not_write(world, name, sql):
    from sqlalchemy.exc import SQLAlchemyError

    with pytest.raises(SQLAlchemyError, match=r"denied|read-only"):
        query(world, name, sql)


def test_secrets_are_for_their_owner_only_and_the_project_has_none(world):
    run = serve.run_folder(world)
    passwords = json.loads((run / "passwords.json").read_text())
    for name in ("secrets.json", "passwords.json"):
        assert stat.S_IMODE((run / name).stat().st_mode) == 0o600
    project = (run / "pilothouse.toml").read_text()
    assert not any(password in project for password in passwords.values())
    assert not any(path.is_relative_to(world) for path in run.rglob("*"))


def test_up_again_changes_nothing_and_is_quick(world):
    before = serve.status(world)
    again = serve.up(world, owner=os.getpid())
    assert serve.status(world) == before
    assert again.seconds < 3


def test_a_killed_server_comes_back_at_its_address_with_its_content(world):
    before = serve.status(world)
    for server in before.values():
        os.kill(server.pid, signal.SIGKILL)
    serve.up(world, owner=os.getpid())
    after = serve.status(world)
    assert {name: server.port for name, server in after.items()} == {n: s.port for n, s in before.items()}
    assert len(query(world, "bills", "SELECT * FROM masterBills")) == 3
    assert len(query(world, "terminal", "SELECT * FROM tos_a.visit")) == 3


def test_pages_follow_a_cursor_and_filters_take_many_values(world, made):
    with client(world) as http:
        asked = {"unit": [box for box, _ in made.boxes[:2]]}
        pages = [http.get("/rights", params=asked).json()]
        while pages[-1]["next_cursor"]:
            pages.append(http.get("/rights", params={**asked, "cursor": pages[-1]["next_cursor"]}).json())
        assert all(len(page["items"]) == 1 for page in pages)
        assert [page["items"][0]["unit"] for page in pages][:2] == asked["unit"]
        assert http.get("/rights", params={"colour": "red"}).status_code == 400
        assert http.get("/rights", params={"cursor": "%%"}).status_code == 400
        assert http.get("/rights/X1").json()["unit"] == made.boxes[1][0]
        assert http.get("/rights/none").status_code == 404
        assert "createRight" in http.get("/openapi.json").text


def test_a_service_can_be_taken_down_alone(world):
    with client(world) as http:
        serve.set_down(world, "community")
        answer = http.get("/rights")
        assert (answer.status_code, answer.headers["Retry-After"]) == (503, "30")
        serve.set_down(world, "community", is_down=False)
        assert http.get("/rights").status_code == 200
    with pytest.raises(UsageError, match="no REST service"):
        serve.set_down(world, "bills")


def test_a_release_counts_once_however_often_it_is_sent_and_survives_a_kill(world, made):
    box, bl = made.boxes[2]
    body = {"unit": box, "bl_no": bl, "party": "acme"}
    out = world.parent
    seen = len(serve.releases_posted(out))
    with client(world) as http, ThreadPoolExecutor(4) as pool:
        answers = list(
            pool.map(
                lambda _: http.post("/rights", json=body, headers={"Idempotency-Key": "effect-1"}), range(8)
            )
        )
    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.json()["right_id"] for answer in answers}) == 1
    posted = serve.releases_posted(out)[seen:]
    assert [post.done for post in posted].count(True) == 1
    assert len(posted) == 8
    assert {(post.container, post.bl, post.idempotency_key) for post in posted} == {(box, bl, "effect-1")}

    os.kill(serve.status(world)["http"].pid, signal.SIGKILL)
    serve.up(world, owner=os.getpid())
    with client(world) as http:
        right = answers[0].json()["right_id"]
        assert (
            http.post("/rights", json=body, headers={"Idempotency-Key": "effect-1"}).json()["right_id"]
            == right
        )
        assert http.post("/rights", json=body, headers={"Idempotency-Key": "effect-2"}).status_code == 409
        other = {**body, "party": "evil"}
        assert http.post("/rights", json=other, headers={"Idempotency-Key": "effect-1"}).status_code == 409
        gone = http.post(f"/rights/{right}/cancel", headers={"Idempotency-Key": "cancel-1"}).json()
        assert (gone["state"], gone["version"]) == ("GONE", 2)
        assert (
            http.post(f"/rights/{right}/cancel", headers={"Idempotency-Key": "cancel-2"}).status_code == 409
        )
        assert http.get("/rights", params={"unit": box}).json()["items"][0]["state"] == "GONE"
    kinds = [(post.operation, post.done) for post in serve.releases_posted(out)[seen:] if post.done]
    assert kinds == [("create", True), ("cancel", True)]


def test_an_unknown_box_is_rejected_with_an_aperak_and_a_nameless_write_not_taken(world):
    body = {"unit": "XXXU0000000", "bl_no": "NONE", "party": "acme"}
    before = len(serve.releases_posted(world.parent))
    with client(world) as http:
        answer = http.post("/rights", json=body, headers={"Idempotency-Key": "effect-9"})
        assert (answer.status_code, answer.json()["message"]) == (422, "APERAK")
        assert http.post("/rights", json=body).status_code == 400
        assert http.post("/rights", content=b"[", headers={"Idempotency-Key": "k"}).status_code == 400
    (refused,) = serve.releases_posted(world.parent)[before:]
    assert (refused.status, refused.done, refused.container) == (422, False, "XXXU0000000")


async def test_the_mcp_server_answers_the_official_client(world):
    from mcp import ClientSession, StdioServerParameters
    from mcp.client.stdio import stdio_client

    command, *args = sources(world)["haulier"]["command"]
    async with (
        stdio_client(StdioServerParameters(command=command, args=args)) as streams,
        ClientSession(*streams) as session,
    ):
        await session.initialize()
        (tool,) = (await session.list_tools()).tools
        assert (tool.name, tool.description, tool.annotations.read_only_hint) == (
            "find_jobs",
            "Jobs for a unit.",
            True,
        )
        found = await session.call_tool("find_jobs", {"unit": "TGHU7654321"})
        assert found.structured_content == {"items": [{"unit": "TGHU7654321", "job": "J1"}]}
        assert (await session.call_tool("find_jobs", {})).is_error


async def test_every_system_is_read_through_the_source_that_up_declares(world, made):
    box, bl = made.boxes[0]
    expected = {
        "bills": ("masterBills", {"blNumber": bl}, "kg", Decimal("12500.500")),
        "terminal": ("tos_a.visit", {"box": box}, "heavy", True),
        "customers": ("Customer Master", {"Customer No": "000042"}, "Trading Name", "Łódź & Sons"),
        "health": ("freigaben_*.csv", {"Bescheinigung": "DE1"}, "Gewicht", Decimal("1.5")),
        "customs": ("CUSRES", {"container": box}, "packages", 12),
        "community": ("/rights", {"unit": made.boxes[1][0]}, "bl_no", made.boxes[1][1]),
        "mailbox": ("messages", {"from": "ann@acme.example"}, "subject", "Container MSKU1234565 – frei?"),
        "haulier": ("find_jobs", {"unit": box}, "job", "J0"),
    }
    run = serve.run_folder(world)
    async with Sources.from_config({"sources": sources(world)}, base=run) as opened:
        for name, (object_, where, field, value) in expected.items():
            (row,) = await opened.read(SYSTEM, name, Query(object_, where=where))
            assert row[field] == value, name
            trusted = row.labelled(field).label.integrity is Integrity.RECORD
            assert trusted == (name not in {"mailbox", "haulier"}), name


async def test_a_release_is_written_through_the_source_once_for_its_effect(world, made):
    box, bl = made.boxes[0]
    before = len(serve.releases_posted(world.parent))
    args = {"unit": box, "bl_no": bl, "party": "acme"}
    async with Sources.from_config({"sources": sources(world)}, base=serve.run_folder(world)) as opened:
        with passing("effect-w"):
            first = await opened.write(SYSTEM, "community", "createRight", args, effect_id="effect-w")
            again = await opened.write(SYSTEM, "community", "createRight", args, effect_id="effect-w")
        with pytest.raises(ConflictError, match="right that stands"), passing("effect-x"):
            await opened.write(SYSTEM, "community", "createRight", args, effect_id="effect-x")
    assert first == again
    posted = serve.releases_posted(world.parent)[before:]
    assert [(post.idempotency_key, post.done) for post in posted] == [
        ("effect-w", True), ("effect-w", False), ("effect-x", False),
    ]  # fmt: skip


def test_every_third_read_is_one_too_many(made, tmp_path):
    from starlette.testclient import TestClient

    from pilothouse_port.world.systems.servers.http_app import application

    world = made.write_world(tmp_path, [made.community(every_nth_429=3, paging="none")])
    with TestClient(application({"community": world / "systems" / "community"}, tmp_path)) as http:
        answers = [http.get("/community/v2/rights") for _ in range(6)]
    assert [answer.status_code for answer in answers] == [200, 200, 429, 200, 200, 429]
    assert answers[2].headers["Retry-After"] == "1"
    assert isinstance(answers[0].json(), list)


def test_without_mariadb_postgres_stands_in_and_says_so(made, tmp_path, monkeypatch):
    monkeypatch.setattr(mariadb, "installed", lambda: False)
    world = made.write_world(tmp_path, made.every_system()[:1])
    try:
        running = serve.up(world, owner=os.getpid())
        assert "PostgreSQL stands in for bills" in running.notices[0]
        assert list(serve.status(world)) == ["postgres"]
        assert query(world, "bills", 'SELECT remarks FROM "masterBills"')[0][0].startswith(
            "it's 50 % full\\ of\tG"
        )
    finally:
        assert serve.down(world, forget=True) == ["postgres"]
    assert not serve.run_folder(world).exists()


def test_a_dump_that_cannot_be_loaded_is_named_and_loaded_when_mended(made, tmp_path):
    world = made.write_world(tmp_path, made.every_system()[1:2])
    dump = world / "systems" / "terminal" / "dump.sql"
    whole = dump.read_text()
    try:
        dump.write_text(whole + "SELECT nonsense;\n")
        with pytest.raises(DataError, match=r"loading 'terminal'.*nonsense"):
            serve.up(world, owner=os.getpid())
        dump.write_text(whole)
        serve.up(world, owner=os.getpid())
        assert len(query(world, "terminal", "SELECT * FROM tos_a.visit")) == 3
    finally:
        serve.down(world, forget=True)


def test_a_world_whose_folder_was_deleted_while_it_ran_comes_up_anew(made, tmp_path):
    world = made.write_world(tmp_path, made.every_system())
    serve.up(world, owner=os.getpid())
    shutil.rmtree(serve.run_folder(world))
    try:
        serve.up(world, owner=os.getpid())
        assert len(query(world, "bills", "SELECT * FROM masterBills")) == 3
        assert len(query(world, "terminal", "SELECT * FROM tos_a.visit")) == 3
    finally:
        serve.down(world, forget=True)


def test_a_folder_that_is_no_world_is_refused(tmp_path):
    with pytest.raises(UsageError, match="is no made world"):
        serve.up(tmp_path)


@pytest.mark.chaos
def test_a_world_ends_with_its_owner(made, tmp_path):
    world = made.write_world(tmp_path, made.every_system())
    code = (
        "import os, sys, time; from pathlib import Path; from pilothouse_port.world import serve;"
        "serve.up(Path(sys.argv[1]), owner=os.getpid()); print('up', flush=True); time.sleep(60)"
    )
    with subprocess.Popen([sys.executable, "-c", code, str(world)], stdout=subprocess.PIPE) as owner:
        assert owner.stdout.readline() == b"up\n"
        pids = [server.pid for server in serve.status(world).values()]
        owner.kill()
    deadline = time.monotonic() + 20
    while any(serve.status(world).values()) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert not any(serve.status(world).values())
    serve.down(world, forget=True)
    assert not [
        p for p in pids if psutil.pid_exists(p) and psutil.Process(p).status() != psutil.STATUS_ZOMBIE
    ]


@pytest.mark.chaos
def test_up_that_is_killed_midway_is_finished_by_the_next(made, tmp_path):
    world = made.write_world(tmp_path, made.every_system())
    code = (
        "import sys; from pathlib import Path; from pilothouse_port.world import serve;"
        "serve.up(Path(sys.argv[1]))"
    )
    try:
        for patience in (0.4, 0.7, 0.9):
            with subprocess.Popen([sys.executable, "-c", code, str(world)]) as starting:
                time.sleep(patience)
                starting.kill()
        serve.up(world, owner=os.getpid())
        assert len(query(world, "bills", "SELECT * FROM masterBills")) == 3
        assert len(query(world, "terminal", "SELECT * FROM tos_a.visit")) == 3
    finally:
        serve.down(world, forget=True)
    run = str(serve.run_folder(world))
    left = [p for p in psutil.process_iter(["cmdline", "status"]) if run in " ".join(p.info["cmdline"] or [])]
    assert not left
