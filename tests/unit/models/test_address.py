"""Where an endpoint really is: local by its address, never by its name; some addresses are never dialled."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from pilothouse.kernel import PilothouseError
from pilothouse.models import Place, Provider
from pilothouse.models.adapters.address import Locator

pytestmark = pytest.mark.anyio


def answers(monkeypatch: pytest.MonkeyPatch, *addresses: str) -> None:
    async def resolve(host: str, port: int, **_: Any) -> list[Any]:
        if not addresses:
            raise OSError("no such name")
        return [(2, 1, 6, "", (address, port)) for address in addresses]

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", resolve)


async def located(url: str, **fields: Any) -> Place:
    return await Locator(Provider(name="p", model="m", url=url, **fields)).locate()


@pytest.mark.parametrize(
    ("url", "address"),
    [
        ("http://127.0.0.1:8000/v1", "127.0.0.1"),
        ("http://127.9.9.9/v1", "127.9.9.9"),
        ("http://[::1]:8000/v1", "::1"),
        ("http://[::ffff:127.0.0.1]/v1", "127.0.0.1"),
        ("http://2130706433/v1", "127.0.0.1"),
        ("http://0x7f000001/v1", "127.0.0.1"),
        ("unix:///run/model.sock", "/run/model.sock"),
    ],
)
async def test_loopback_and_sockets_are_local_however_they_are_written(url: str, address: str) -> None:
    place = await located(url)
    assert (place.address, place.local) == (address, True)
    assert not (await located(url, leaves=True)).local


async def test_a_name_is_what_it_resolves_to(monkeypatch: pytest.MonkeyPatch) -> None:
    answers(monkeypatch, "8.8.8.8")
    assert not (await located("http://localhost:8000/v1")).local
    answers(monkeypatch, "127.0.0.1")
    assert (await located("https://models.example/v1")).local
    answers(monkeypatch, "127.0.0.1", "8.8.8.8")
    assert not (await located("https://models.example/v1")).local


@pytest.mark.parametrize(
    "address",
    ["169.254.169.254", "fe80::1", "0.0.0.0", "224.0.0.1", "240.0.0.1", "::", "::ffff:169.254.169.254"],
)
async def test_addresses_where_no_model_is_served_are_refused(
    monkeypatch: pytest.MonkeyPatch, address: str
) -> None:
    answers(monkeypatch, address)
    with pytest.raises(PilothouseError) as caught:
        await located("http://models.example/v1", internal=True)
    assert caught.value.code == "models.address"


@pytest.mark.parametrize("address", ["10.0.0.5", "192.168.1.9", "172.16.0.1", "fd00::1", "100.64.0.1"])
async def test_private_networks_need_an_explicit_word(monkeypatch: pytest.MonkeyPatch, address: str) -> None:
    answers(monkeypatch, address)
    with pytest.raises(PilothouseError, match="internal = true"):
        await located("http://models.example/v1")
    assert not (await located("http://models.example/v1", internal=True)).local


async def test_what_was_judged_is_kept_and_a_second_answer_does_not_count(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    locator = Locator(Provider(name="p", model="m", url="https://models.example/v1"))
    answers(monkeypatch, "8.8.8.8")
    first = await locator.locate()
    answers(monkeypatch, "127.0.0.1")
    assert await locator.locate() is first


@pytest.mark.parametrize("url", ["ftp://x/v1", "models.example", "", "http://"])
async def test_other_schemes_are_refused(url: str) -> None:
    with pytest.raises(PilothouseError) as caught:
        await located(url)
    assert caught.value.code == "models.address"


async def test_a_name_nobody_knows_is_no_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    answers(monkeypatch)
    with pytest.raises(PilothouseError) as caught:
        await located("http://nowhere.example/v1")
    assert caught.value.code == "models.no_address"
