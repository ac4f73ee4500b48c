"""Stories of REST services: pages, patience, credentials, redirects, answers that never come."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from connectors_servers import Service

from pilothouse.connectors import (
    OutcomeUnknownError,
    Query,
    SecretReferences,
    SourceDataError,
    SourceDeniedError,
    SourceUnavailableError,
    SourceUsageError,
)
from pilothouse.connectors.adapters.http import HttpSource, connect
from pilothouse.connectors.testing import source_context

Open = Callable[..., HttpSource]
SLOTS = "/terminals/{terminal}/slots"


@pytest.fixture
async def open_source(service: Service, tmp_path: Path) -> AsyncIterator[Open]:
    opened: list[HttpSource] = []

    def open_it(*, timeout: float = 5.0, **options: Any) -> HttpSource:
        secrets = SecretReferences(base=tmp_path, environ={"TOKEN": "t0p", "CLIENT": "right", "BAD": "bad"})
        context = source_context(
            "http", {"url": service.url, **options}, base=tmp_path, timeout=timeout, secrets=secrets
        )
        opened.append(connect(context))
        return opened[-1]

    yield open_it
    for source in opened:
        await source.close()


async def test_the_contract_says_what_there_is(open_source: Open) -> None:
    found = {schema.name: schema for schema in await open_source().objects()}
    assert found["/releases"].key == ("release_id",)
    names = [field.name for field in found["/releases"].fields]
    assert names == ["release_id", "container", "weight", "holder.name", "holder.eori", "hops"]
    assert found[SLOTS].required == ("terminal",)
    assert found["/releases"].documentation == "Release rights."


async def test_cursor_pages_are_read_to_the_end(open_source: Open, service: Service) -> None:
    rows = await open_source().read(Query("/releases"))
    assert [row["release_id"] for row in rows] == [f"R{n:03d}" for n in range(8)]
    assert len(service.calls) == 3
    assert (rows[4]["holder.name"], rows[4]["hops[1].party"]) == ("Spedition Müller", "forwarder")
    assert rows[4]["weight"] == Decimal("12004.5")
    position = rows[4].labelled("weight").label.origin.position  # type: ignore[union-attr]
    assert position is not None
    assert position.part == "$.items[1]"


async def test_a_limit_stops_reading_pages(open_source: Open, service: Service) -> None:
    assert len(await open_source().read(Query("/releases", limit=2))) == 2
    assert len(service.calls) == 1


async def test_page_numbers_and_link_headers_are_followed(open_source: Open) -> None:
    source = open_source()
    assert len(await source.read(Query(SLOTS, where={"terminal": "ECT"}))) == 10
    assert [row["id"] for row in await source.read(Query("/events"))] == [0, 1, 2, 3, 4, 5]


async def test_many_keys_are_few_calls(open_source: Open, service: Service) -> None:
    wanted = [f"MSKU{n:07d}" for n in range(500)]
    service.page_size = 100
    rows = await open_source().read(Query("/releases", where={"container": wanted}))
    assert len(rows) == 8
    assert len(service.calls) <= 3


async def test_a_parameter_for_one_value_is_asked_for_each_or_filtered_here(
    open_source: Open, service: Service
) -> None:
    source = open_source()
    few = await source.read(Query(SLOTS, where={"terminal": "ECT", "haulier": ["H1", "H2"]}))
    assert {row["haulier"] for row in few} == {"H1", "H2"}
    assert all("haulier=" in call for call in service.calls)
    service.calls.clear()
    many = await source.read(
        Query(SLOTS, where={"terminal": "ECT", "haulier": ["H1", "H2", *(f"X{n}" for n in range(40))]})
    )
    assert [row.key for row in many] == sorted((row.key for row in few), key=lambda key: int(key["id"]))
    assert not any("haulier=" in call for call in service.calls)


async def test_a_single_record_has_its_etag_as_version(open_source: Open) -> None:
    source = open_source()
    [row] = await source.read(Query("/releases/{release_id}", where={"release_id": "R001"}))
    assert row.version.startswith('etag:"R001')
    assert await source.read(Query("/releases/{release_id}", where={"release_id": "R999"})) == []
    with pytest.raises(SourceUsageError, match="needs 'release_id'"):
        await source.read(Query("/releases/{release_id}"))


async def test_busy_is_waited_for_within_the_time(open_source: Open, service: Service) -> None:
    service.busy, service.retry_after = 2, "0.05"
    assert len(await open_source().read(Query("/releases"))) == 8
    service.busy, service.retry_after = 99, "30"
    start = time.monotonic()
    with pytest.raises(SourceUnavailableError, match="come back in 30 s") as caught:
        await open_source(timeout=1).read(Query("/releases"))
    assert caught.value.retry_after == 30
    assert time.monotonic() - start < 2


async def test_a_failure_is_tried_again_and_then_told(open_source: Open, service: Service) -> None:
    service.broken = 1
    assert len(await open_source().read(Query("/releases"))) == 8
    service.broken = 99
    with pytest.raises(SourceUnavailableError, match="failed with 500"):
        await open_source().read(Query("/releases"))


async def test_slow_and_down_are_told_apart_from_empty(
    open_source: Open, service: Service, tmp_path: Path
) -> None:
    service.delay = 20
    with pytest.raises(SourceUnavailableError, match=r"slow|no answer") as caught:
        await open_source(timeout=2).read(Query("/releases"))
    assert caught.value.code == "sources.timeout"
    gone = connect(source_context("http", {"url": "http://127.0.0.1:9/api"}, base=tmp_path, timeout=1))
    with pytest.raises(SourceUnavailableError, match="does not answer"):
        await gone.read(Query("/releases"))
    await gone.close()


@pytest.mark.parametrize(
    "body", [b"<html>login</html>", b"{", b"3", b'["x"]', b'{"items": [1]}', b'{"items": [{"a": NaN}]}', b""]
)
async def test_rubbish_is_an_error_that_names_the_source(
    open_source: Open, service: Service, body: bytes
) -> None:
    service.rubbish = body
    with pytest.raises(SourceDataError, match="'tested'") as caught:
        await open_source().read(Query("/releases"))
    assert caught.value.code == "sources.rubbish"


async def test_a_cursor_that_never_ends_is_rubbish(open_source: Open) -> None:
    with pytest.raises(SourceDataError, match="a page already read"):
        await open_source().read(Query("/circle"))


async def test_redirects_stay_on_the_host(open_source: Open) -> None:
    source = open_source()
    assert len(await source.read(Query("/moved"))) == 6
    with pytest.raises(SourceDeniedError, match="another host") as caught:
        await source.read(Query("/away"))
    assert caught.value.code == "sources.other_host"


async def test_credentials_come_by_reference(open_source: Open, service: Service) -> None:
    service.token = "Bearer t0p"
    auth = {"type": "bearer", "token": "secret://env/TOKEN"}
    assert len(await open_source(auth=auth).read(Query("/releases"))) == 8
    with pytest.raises(SourceDeniedError, match="401"):
        await open_source().read(Query("/releases"))
    service.token = "Basic ZGVzazp0MHA="
    basic = {"type": "basic", "username": "desk", "password": "secret://env/TOKEN"}
    assert len(await open_source(auth=basic).read(Query("/releases"))) == 8


async def test_client_credentials_are_granted_and_kept(open_source: Open, service: Service) -> None:
    service.token = "Bearer granted"
    token_url = service.url.removesuffix("/api") + "/oauth/token"
    auth = {
        "type": "oauth2",
        "token_url": token_url,
        "client_id": "us",
        "client_secret": "secret://env/CLIENT",
    }
    source = open_source(auth=auth)
    assert len(await source.read(Query("/releases"))) == 8
    with pytest.raises(SourceDeniedError, match="token service refused") as caught:
        await open_source(auth={**auth, "client_secret": "secret://env/BAD"}).read(Query("/releases"))
    assert "bad" not in str(caught.value)


async def test_writes_are_operations_of_the_contract(open_source: Open, service: Service) -> None:
    source = open_source(tools={"cancelRelease": {"effect": "irreversible"}})
    tools = {tool.name: tool for tool in await source.tools()}
    assert tools["createRelease"].idempotent
    assert tools["createRelease"].schema["required"] == ["container"]
    assert (tools["cancelRelease"].idempotent, tools["cancelRelease"].effect) == (False, "irreversible")
    done = await source.write("createRelease", {"container": "MSKU1", "weight": 3}, effect_id="e-1")
    assert done["body"] == {"release_id": "N1", "container": "MSKU1", "weight": 3}
    assert (done["status"], done["location"]) == (201, "/releases/N1")
    await source.write("cancelRelease", {"release_id": "N 1"}, effect_id="e-2")
    assert service.posts == [("e-1", {"container": "MSKU1", "weight": 3}), ("e-2", {"release_id": "N 1"})]
    with pytest.raises(SourceDataError, match="APERAK"):
        await source.write("createRelease", {"container": "REFUSED"}, effect_id="e-3")
    with pytest.raises(SourceUsageError, match="not 'number'"):
        await source.write("createRelease", {"container": "X", "weight": "3"}, effect_id="e-4")


async def test_an_answer_that_never_comes(open_source: Open, service: Service) -> None:
    """With an idempotency key the write is repeated; without one it is unknown, never repeated."""
    service.drop_answers = 1
    with pytest.raises(SourceUnavailableError) as repeated:
        await open_source(timeout=3).write("createRelease", {"container": "A"}, effect_id="e-1")
    assert not isinstance(repeated.value, OutcomeUnknownError)
    await open_source().write("createRelease", {"container": "A"}, effect_id="e-1")
    assert len(service.posts) == 1
    service.drop_answers = 1
    with pytest.raises(OutcomeUnknownError, match=r"slow|no answer"):
        await open_source(timeout=3).write("cancelRelease", {"release_id": "R001"}, effect_id="e-2")
    assert len(service.posts) == 2
    service.broken = 1
    with pytest.raises(OutcomeUnknownError, match="500"):
        await open_source().write("cancelRelease", {"release_id": "R001"}, effect_id="e-3")


async def test_a_contract_that_is_no_contract(open_source: Open, tmp_path: Path) -> None:
    (tmp_path / "list.json").write_text("[1, 2]")
    with pytest.raises(SourceDataError, match="no OpenAPI document"):
        await open_source(openapi="list.json").objects()
    with pytest.raises(SourceUnavailableError, match=r"gone\.json"):
        await open_source(openapi="gone.json").objects()
    with pytest.raises(SourceDataError, match="404"):
        await open_source(openapi="/nowhere").objects()


async def test_ping_reads_for_real(open_source: Open, service: Service) -> None:
    source = open_source()
    await source.ping()
    service.broken = 99
    with pytest.raises(SourceUnavailableError):
        await source.ping()
