"""What is sent is made of what a person confirmed; a form with another box in it is refused."""

from __future__ import annotations

import pytest

from pilothouse.kernel import UsageError
from pilothouse_port import outward

KNOWN = {"$container": "MSKU1234565", "$bl": "BL-1", "$to": "a@example.org"}


def test_values_go_where_the_mapping_says_also_inside_lists() -> None:
    form = {"box": "$container", "note": "for $bl", "to": ["$to", "desk@example.org"], "days": 45}
    filled = outward._filled(form, KNOWN, needs=("$container", "$to"))
    assert filled == {
        "box": "MSKU1234565", "note": "for $bl", "to": ["a@example.org", "desk@example.org"], "days": 45,
    }  # fmt: skip


def test_a_form_that_names_a_box_of_its_own_is_refused() -> None:
    with pytest.raises(UsageError, match=r"'\$container' is in no argument") as refused:
        outward._filled({"box": "TGHU7654321", "bl": "$bl"}, KNOWN, needs=("$container", "$bl"))
    assert refused.value.code == "port.form"
