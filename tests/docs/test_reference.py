"""The reference names every command, setting and error code, because it is made from them."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
_spec = importlib.util.spec_from_file_location("generate", ROOT / "docs" / "generate.py")
assert _spec is not None
assert _spec.loader is not None
generate = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(generate)


@pytest.mark.parametrize("page", sorted(generate.PAGES))
def test_the_page_is_what_the_code_says(page: str) -> None:
    made = generate.PAGES[page]()
    assert (ROOT / "docs" / "reference" / page).read_text() == made, "run: python docs/generate.py"
    assert made.count("\n") > 10
