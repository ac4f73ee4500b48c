"""Interchanges that others wrote: public samples and one real CODECO of a port."""

from __future__ import annotations

from pathlib import Path

import pytest

from pilothouse.connectors import edifact_read

DATA = Path(__file__).parents[2] / "data" / "edifact"


@pytest.mark.parametrize(
    ("name", "type", "faults"),
    [
        ("codeco_real", "CODECO", []),
        ("invoice1", "INVOIC", []),
        ("messages__v3__aperak", "APERAK", ["unt.count"]),
        ("messages__v3__aperak_rejected", "APERAK", ["unt.count"]),
        ("messages__v4__aperak", "APERAK", ["unt.count"]),
        ("messages__v4__aperak_rejected", "APERAK", ["unt.count"]),
        ("order", "ORDERS", ["unz.missing"]),
        ("order2", "ORDERS", ["unz.missing"]),
        ("wikipedia_en", "PAORES", []),
    ],
)
def test_every_message_is_read_and_every_slip_of_its_writer_is_named(
    name: str, type: str, faults: list[str]
) -> None:
    document = edifact_read((DATA / f"{name}.edi").read_bytes())
    messages = [message for interchange in document.interchanges for message in interchange.messages]
    assert [message.type for message in messages] == [type]
    assert [fault.code for fault in document.faults] == faults
