"""The ``[models]`` table: what it becomes, and that a wrong word is named with its path."""

from __future__ import annotations

import tomllib
from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from pilothouse.kernel import UsageError
from pilothouse.models import Declared, declared

FULL = """
[providers.site]
url = "http://127.0.0.1:8000/v1"
model = "mistral-small"
abilities = ["json_schema", "native_tools"]
concurrency = 4

[providers.cloud]
url = "https://api.example/v1"
model = "large"
credential = "secret://env/CLOUD_KEY"
reads = ["acl:desk", "group:*"]
region = "eu"
retention = "none"
contract = "DPA-7"
expires = 2027-01-31
price = {prompt = 0.4, output = "2.0"}
abilities = {json_schema = true, max_context = 128000, languages = ["en", "fr"]}

[providers.embedded]
kind = "local"

[routes."read.claims"]
use = ["embedded", "site"]
needs = ["json_schema"]

[routes."draft.words"]
use = ["site", "cloud", "templates"]
template = "words.md"
redact = ["pii"]
readers = ["acl:desk"]

[redactors.pii]
kinds = ["iban", "email"]
opens = ["acl:pii"]

[[budgets]]
scope = "principal"
unit = "tokens"
most = 200000
per = "day"
"""


def made(text: str) -> Declared:
    return declared(tomllib.loads(text), template=lambda name: f"<{name}>")


def test_a_full_table() -> None:
    found = made(FULL)
    site, cloud, embedded = found.providers
    assert site.abilities.native_tools
    assert (cloud.expires, cloud.price.output) == (date(2027, 1, 31), Decimal("2.0"))
    assert cloud.satisfies("group:x")
    assert not cloud.satisfies("acl:other")
    assert embedded.abilities.json_schema
    assert not embedded.abilities.may_word
    reading, words = found.routes
    assert reading.use == ("embedded", "site")
    assert words.use == ("site", "cloud")
    assert words.template == "<words.md>"
    assert words.readers == {"acl:desk"}
    assert reading.version != words.version
    assert found.redactors[0].opens == ("acl:pii",)
    assert found.budgets[0].most == 200_000


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ("[other]\nx = 1", "models.other"),
        ('[providers.x]\nmodel = "m"', "providers.x.url"),
        ('[providers.x]\nurl = "http://h/v1"', "model"),
        ('[providers.x]\nurl = "http://h/v1"\nmodel = "m"\nspeed = 1', "providers.x.speed"),
        ('[providers.x]\nurl = "http://h/v1"\nmodel = 3', "providers.x.model"),
        ('[providers.x]\nkind = "magic"', "providers.x.kind"),
        ('[providers.x]\nurl = "http://h/v1"\nmodel = "m"\nabilities = ["flight"]', "abilities.flight"),
        ('[providers.x]\nurl = "http://h/v1"\nmodel = "m"\nprice = {prompt = "much"}', "price.prompt"),
        ('[routes.x]\nuse = ["nobody"]', "routes.x.use"),
        ("[routes.x]\nuse = []", "routes.x.use"),
        ('[routes.x]\nuse = ["templates"]', "routes.x.use"),
        ('[[budgets]]\nscope = "planet"\nunit = "tokens"\nmost = 1', "budgets[0].scope"),
        ('[redactors.x]\nkinds = ["shoe size"]', "shoe size"),
        ("providers = 3", "models.providers"),
    ],
)
def test_a_wrong_word_is_named_with_its_path(change: str, says: str) -> None:
    with pytest.raises(UsageError) as caught:
        made(change)
    assert says in caught.value.message


def test_a_secret_in_clear_text_is_refused_and_not_repeated() -> None:
    table: dict[str, Any] = {"url": "http://h/v1", "model": "m", "credential": "sk-verysecret"}
    with pytest.raises(UsageError) as caught:
        declared({"providers": {"x": table}}, template=str)
    assert caught.value.code == "models.literal_secret"
    assert "verysecret" not in caught.value.message
