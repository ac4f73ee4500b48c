"""What a tool may declare about itself."""

from __future__ import annotations

from typing import Any

import pytest

import pilothouse.effects
from pilothouse.effects import EffectSpec
from pilothouse.effects.testing import release_spec
from pilothouse.kernel import UsageError
from pilothouse.labels import Integrity


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"tool": ""}, "no name"),
        ({"tool": "*"}, "no name"),
        ({"tier": 0}, "tier 0"),
        ({"tier": 2}, "irreversible but of tier 2"),
        ({"accepts": Integrity.RECORD}, "declare accepts=APPROVED"),
        ({"effect": "write", "tier": 3, "accepts": Integrity.UNTRUSTED}, "declare accepts=APPROVED"),
    ],
)
def test_a_declaration_that_contradicts_itself_is_refused(changes: dict[str, Any], words: str) -> None:
    with pytest.raises(UsageError, match=words) as caught:
        release_spec(**changes)
    assert caught.value.code == "effects.spec"


def test_saying_nothing_means_the_strictest() -> None:
    spec = EffectSpec(tool="x")
    assert (spec.effect, spec.tier, spec.needs_approval, spec.needed_right) == (
        "irreversible",
        4,
        True,
        "effects:x",
    )


def test_a_small_internal_tool_may_do_without_a_person() -> None:
    spec = EffectSpec(tool="tag", effect="write", tier=1, accepts=Integrity.RECORD, right="tags:write")
    assert not spec.needs_approval
    assert spec.needed_right == "tags:write"


def test_the_identifier_is_the_first_steering_argument() -> None:
    spec = release_spec()
    assert spec.identifier({"party": "ACME", "container": "X"}) == "X"
    assert spec.identifier({"party": "ACME"}) == "ACME"
    assert spec.identifier({}) == "release_container"


def test_the_preview_carries_what_is_typed_and_what_will_be_said() -> None:
    preview = release_spec().preview({"container": "X", "party": "ACME"})
    assert preview["confirm"] == "X"
    assert preview["done"] == "X was released to ACME"
    assert release_spec(phrase="").describe({"container": "X"}) == "release_container was performed on X"


@pytest.mark.parametrize("phrase", ["{nobody}", "{0}", "{container", "{container.nothing}"])
def test_a_phrase_that_does_not_fit_is_a_usage_error(phrase: str) -> None:
    with pytest.raises(UsageError, match="does not fit"):
        release_spec(phrase=phrase).describe({"container": "X"})


def test_the_face_gives_the_settings_lazily_and_nothing_else() -> None:
    assert pilothouse.effects.EffectsSettings().attempts == 5
    with pytest.raises(AttributeError, match="Nothing"):
        _ = pilothouse.effects.Nothing  # type: ignore[attr-defined]
