"""The same real systems as in the contract tests."""

from __future__ import annotations

import sys
from pathlib import Path

# Test folders are no packages; the servers live with the contract tests.
sys.path.insert(0, str(Path(__file__).parents[2] / "contract" / "connectors"))

from collections.abc import Iterator

import pytest
from connectors_servers import Service, has_mariadb, make_releases, mariadb_server, served


@pytest.fixture(scope="session")
def mariadb_url() -> Iterator[str]:
    """A private MariaDB server; the URL has no database."""
    if not has_mariadb():
        pytest.skip("MariaDB is not installed; install the package mariadb-server")
    with mariadb_server() as url:
        yield url


@pytest.fixture
def service() -> Iterator[Service]:
    """A REST service with eight releases and slots at two terminals."""
    slots = [
        {"id": n, "terminal": "APMT" if n % 2 else "ECT", "haulier": f"H{n % 3}", "at": "2026-01-05"}
        for n in range(20)
    ]
    with served(Service(releases=make_releases(8), slots=slots)) as running:
        yield running
