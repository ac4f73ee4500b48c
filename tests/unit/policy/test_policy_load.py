"""A wrong policy is refused when it is loaded, and the message says where and what to do."""

from __future__ import annotations

import re

import pytest

from pilothouse.kernel import UsageError
from pilothouse.policy import Authorizer, Kind

INVOICE = Kind(name="Invoice", attributes={"site": "String", "amount": "Long", "owner": "String?"})


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("permit(principal,\n action,\n resourc);", "line 6: .*resourc"),
        ("permit(principal, action, resource)\n when { 1 lik 2 };", "line 5: unexpected token `lik`"),
        ("permit(principal, action, resource)", "line 4: unexpected end of input"),
        ("permit(principal == ?principal, action, resource);", "line 4: a template"),
        ("permit(principal, action == Action::\"fly\", resource);", "unrecognized action"),
        ("permit(principal, action, resource is Ship);", "unrecognized entity type"),
        ("@id(\"x\") permit(principal, action, resource) when { principal.nick == 1 };", "policy 'x': "),
        (
            "permit(principal, action, resource is Invoice) when { resource.owner == \"x\" };",
            "optional attribute `owner`.*write `has` in front",
        ),
        ("forbid(principal, action, resource is Invoice) when { resource.amount == \"x\" };", "compatible"),
        ("@id(\"a\") permit(principal, action, resource);\n@id(\"a\") forbid(principal, action, resource);",
         "line 5: id 'a' is taken by 'mine'"),
        ("@id(\"acl.user\") permit(principal, action, resource);", "is taken by 'built-in'"),
        *(
            (f"permit(principal, action, resource is Invoice) when {{ {condition} }};", "cannot become SQL")
            for condition in (
                "resource.amount + 1 > 3",
                "resource.site like \"a*b\"",
                "resource.site like \"*b\"",
                "resource == resource",
                "[resource.site].contains(\"x\")",
                "[\"x\"].containsAny([resource.site])",
                "if resource.amount > 3 then true else false",
                "{a: resource.amount}.a == 3",
                "true && (1 > 2 || resource.amount * 2 > 3)",
                "resource.site == {a: resource}.a.site",
            )
        ),
        ("permit(principal, action, resource == Invoice::\"7\");", "cannot become SQL"),
        ("permit(principal, action, resource) when { resource in Invoice::\"7\" };", "SQL"),
    ],
)  # fmt: skip
def test_a_wrong_policy_names_its_line_and_the_way_out(text: str, words: str) -> None:
    with pytest.raises(UsageError, match="policies 'mine', line ") as raised:
        Authorizer.load({"mine": '\n// "a comment; with all"\n\n' + text}, kinds=[INVOICE])
    assert re.search(words, str(raised.value))
    assert raised.value.code == "policy.invalid"


def test_texts_comments_and_words_with_semicolons_are_told_apart() -> None:
    made = Authorizer.load(
        {
            "a": '// one; two\npermit(principal, action, resource) when { context.right == ";\\";" }; // x;',
            "b": "",
            "c": "  // nothing;\n ",
        }
    )
    assert made.version != Authorizer.load().version


@pytest.mark.parametrize(
    "kinds",
    [
        [Kind(name="Tool", attributes={})],
        [Kind(name="String", attributes={})],
        [INVOICE, INVOICE],
        [Kind(name="In voice", attributes={})],
        [Kind(name="Invoice", attributes={"si-te": "String"})],
        [Kind(name="Invoice", attributes={"like": "String"})],
        [Kind(name="Invoice", attributes={}, actions=("re ad",))],
    ],
)
def test_a_kind_needs_names_that_cedar_knows_and_nobody_has(kinds: list[Kind]) -> None:
    with pytest.raises(UsageError, match=r"policy\.invalid"):
        Authorizer.load(kinds=kinds)


@pytest.mark.parametrize("name", ["name", "groups", "a b"])
def test_a_fact_needs_a_free_name(name: str) -> None:
    with pytest.raises(UsageError, match=r"fact .*policy\.invalid"):
        Authorizer.load(facts={name: "String"})


@pytest.mark.parametrize(
    "fact",
    [
        {"site": 5},
        {"level": "x"},
        {"level": True},
        {"level": 2**63},
        {"old": 1},
        {"sites": "hh"},
        {"sites": 5},
        {"sites": [5]},
        {"site": ["hh"]},
        {"nick": "x"},
        {"site": "\ud800"},
    ],
)
def test_a_fact_must_be_as_declared(fact: dict[str, object]) -> None:
    with pytest.raises(UsageError, match=r"of principal 'amira'.*policy\.invalid"):
        Authorizer.load(
            facts={"site": "String", "level": "Long", "old": "Bool", "sites": "Set<String>"},
            principals={"amira": fact},  # type: ignore[dict-item]
        )


def test_an_action_of_rows_may_be_shared_with_the_platform() -> None:
    made = Authorizer.load(kinds=[INVOICE, Kind(name="Order", attributes={}, actions=("read", "close"))])
    assert made.slice_version("read", "Order") != made.slice_version("read", "Invoice")
