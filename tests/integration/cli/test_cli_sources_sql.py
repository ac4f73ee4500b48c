"""Asking a source in SQL by the installed command, over what the project's policy lets one see."""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

Result = subprocess.CompletedProcess[str]
FILE = """
[project]
name = "yard"
operator = "amira"

[policy]
files = ["orders.cedar"]

[kinds.Order]
attributes = { site = "String", weight = "Long?" }

[principals.amira]
groups = ["desk"]
rights = ["sources:orders:*"]
facts = { site = "hh" }

[principals.ben]
groups = ["desk"]
rights = ["sources:orders:read"]
facts = { site = "ny" }

[sources.orders]
kind = "sql"
url = "sqlite:///orders.sqlite"
readers = ["group:desk"]

[sources.orders.labels.orders]
kind = "Order"
attributes = { site = "Site Code" }

[sources.orders.labels.orders.fields]
iban = { readers = ["group:finance"] }
"""
POLICY = """
permit(principal in Group::"desk", action == Action::"read", resource is Order)
when { principal has site && resource.site == principal.site };
"""


@pytest.fixture
def pilothouse(tmp_path: Path) -> Callable[..., Result]:
    (tmp_path / "pilothouse.toml").write_text(FILE)
    (tmp_path / "orders.cedar").write_text(POLICY)
    with sqlite3.connect(tmp_path / "orders.sqlite") as link:
        link.execute(
            'CREATE TABLE orders (id integer primary key, "Site Code" text, weight integer, iban text)'
        )
        link.execute(
            "INSERT INTO orders VALUES (1, 'hh', 5, 'DE1'), (2, 'hh', 9, 'DE2'), (3, 'ny', 5, 'US3')"
        )
    link.close()

    def run(*words: str) -> Result:
        command = [sys.executable, "-m", "pilothouse", "sources", *words, "--project", str(tmp_path)]
        return subprocess.run(command, check=False, capture_output=True, text=True, timeout=60)

    return run


def test_people_ask_and_list_what_they_may_see(pilothouse: Callable[..., Result]) -> None:
    query = 'select id, "Site Code" as site, iban from orders order by id'
    answer = pilothouse("orders", "--sql", query, "--json")
    assert answer.returncode == 0, answer.stderr
    assert [row["values"] for row in json.loads(answer.stdout)] == [
        {"id": 1, "site": "hh", "iban": None},
        {"id": 2, "site": "hh", "iban": None},
    ]
    shown = pilothouse("orders", "--sql", query, "--limit", "1")
    assert "1 of 2 rows" in " ".join(shown.stdout.split())
    listed = pilothouse("orders", "orders", "--as", "ben", "--json")
    assert [row["values"]["id"] for row in json.loads(listed.stdout)] == [3]


def test_what_is_not_allowed_is_refused_in_words(pilothouse: Callable[..., Result]) -> None:
    denied = pilothouse("orders", "--sql", "select 1", "--as", "ben")
    assert denied.returncode != 0
    assert "sources:orders:sql" in denied.stderr
    assert "policy.sql" in pilothouse("orders", "--sql", "drop table orders").stderr
    assert "sources.arguments" in pilothouse("--sql", "select 1").stderr
    assert (
        "No rows that you may see"
        in pilothouse("orders", "--sql", "select id from orders where id = 3").stdout
    )
