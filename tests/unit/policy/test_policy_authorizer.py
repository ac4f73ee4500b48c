"""Who may do what: policies, roles, facts, agents, and what every answer rests on."""

from __future__ import annotations

import pytest

from pilothouse.kernel import Principal, UsageError
from pilothouse.policy import AccessRequest, Authorizer, Kind, authorizer, cedar
from pilothouse.policy.parse import parse
from pilothouse.policy.request import asked

INVOICE = Kind(
    name="Invoice",
    attributes={"site": "String", "amount": "Long", "owner": "String?"},
    actions=("read", "pay"),
)
POLICIES = {
    "desk.cedar": """
// The desk sees the invoices of its own site.
permit(principal in Group::"desk", action == Action::"read", resource is Invoice)
when { principal has site && resource.site == principal.site };
@id("big") forbid(principal, action, resource is Invoice)
when { resource.amount > 1000 } unless { principal in Role::"boss" };
permit(principal in Role::"boss", action in [Action::"read", Action::"pay"], resource is Invoice);
@id("no.machine") forbid(principal is Agent, action == Action::"perform", resource == Tool::"release");
@id("only.note") forbid(principal, action == Action::"write", resource)
when { context has tool && context.tool != "note" };
@id("by.hand") forbid(principal, action == Action::"halt", resource) when { context has agent };
""",
}
PLANNER = Principal(id="planner@3", kind="service", rights=frozenset({"*"}))
AMIRA = Principal(id="amira", groups=frozenset({"desk"}), rights=frozenset({"effects:*", "sources:*"}))
BEN = Principal(id="ben", rights=frozenset({"role:boss"}))
CARL = Principal(id="carl", groups=frozenset({"boss"}))


def through(agent: Principal, who: Principal = AMIRA) -> Principal:
    return Principal(id=who.id, rights=who.rights, groups=who.groups, agent=agent)


@pytest.fixture(scope="module")
def made() -> Authorizer:
    return Authorizer.load(
        POLICIES,
        roles={"boss": ["decisions:*", "effects:note", "audit:read"]},
        kinds=[INVOICE],
        facts={"site": "String", "level": "Long", "sites": "Set<String>", "new": "Bool"},
        principals={"amira": {"site": "hh", "level": 3, "sites": ["hh", "ny"], "new": False}},
    )


def invoice(who: Principal, action: str = "read", **attributes: object) -> AccessRequest:
    values = {"site": "hh", "amount": 5, **attributes}
    return AccessRequest(principal=who, action=action, kind="Invoice", id="7", attributes=values)  # type: ignore[arg-type]


def test_a_policy_permits_what_no_right_grants_and_is_named(made: Authorizer) -> None:
    answer = made.explain(invoice(AMIRA))
    assert answer.verdict.allowed
    assert answer.policies == ("desk.cedar#1",)
    assert made.explain(invoice(AMIRA), engine="cedar") == answer


def test_nothing_permits_means_denied_with_the_right_that_would_grant(made: Authorizer) -> None:
    verdict = made.decide(invoice(AMIRA, site="ny"))
    assert (verdict.kind, verdict.reasons) == ("deny", ("missing:rows:Invoice:read",))


def test_forbid_wins_over_every_right(made: Authorizer) -> None:
    owner = Principal(id="owner", rights=frozenset({"*"}))
    assert made.decide(invoice(owner)).allowed
    assert made.explain(invoice(owner)).policies == ("right:*",)
    verdict = made.decide(invoice(owner, amount=1001))
    assert (verdict.kind, verdict.reasons) == ("deny", ("policy.forbid:big",))


@pytest.mark.parametrize("boss", [BEN, CARL])
def test_a_role_comes_by_right_or_by_group(made: Authorizer, boss: Principal) -> None:
    assert made.decide(invoice(boss, amount=5000)).allowed
    assert made.decide(invoice(boss, "pay", amount=5000)).allowed
    assert made.may(boss, "decisions:release")
    assert not made.may(boss, "effects:release")
    assert made.explain(asked(boss, "effects:note")).policies == ("role:boss:effects:note",)


def test_an_agent_adds_nothing_and_takes_away(made: Authorizer) -> None:
    assert made.may(AMIRA, "effects:release")
    assert not made.may(through(PLANNER), "effects:release")
    assert made.may(through(PLANNER), "effects:note")
    assert not made.may(through(Principal(id="reader@1")), "effects:note")
    assert not made.may(through(PLANNER, BEN), "audit:write")
    nested = through(Principal(id="a", rights=frozenset({"*"}), agent=Principal(id="b")))
    assert not made.may(nested, "effects:note")
    verdict = made.decide(asked(through(PLANNER), "effects:release"))
    assert verdict.reasons == ("policy.forbid:no.machine",)


def test_the_context_says_the_tool_and_the_agent(made: Authorizer) -> None:
    assert made.may(AMIRA, "sources:billing:write:note")
    assert not made.may(AMIRA, "sources:billing:write:post")
    assert made.may(AMIRA, "effects:halt")
    assert made.decide(asked(through(PLANNER), "effects:halt")).reasons == ("policy.forbid:by.hand",) * 2


@pytest.mark.parametrize(
    ("attributes", "wrong"),
    [
        ({"site": None}, "site"),
        ({"site": 5}, "site"),
        ({"site": "\ud800"}, "site"),
        ({"amount": True}, "amount"),
        ({"amount": 2**63}, "amount"),
        ({"owner": 5}, "owner"),
        ({"colour": "red"}, "colour"),
    ],
)
def test_a_row_that_is_not_of_its_kind_is_nobodys(
    made: Authorizer, attributes: dict[str, object], wrong: str
) -> None:
    owner = Principal(id="owner", rights=frozenset({"*"}))
    assert made.decide(invoice(owner, **attributes)).reasons == (f"policy.facts:{wrong}",)


def test_an_absent_attribute_may_be_absent(made: Authorizer) -> None:
    assert made.decide(invoice(AMIRA, owner=None)).allowed
    assert made.decide(invoice(AMIRA, owner="amira")).allowed


def test_what_no_policy_can_speak_of_is_denied(made: Authorizer) -> None:
    owner = Principal(id="owner", rights=frozenset({"*"}))
    for action, kind in (("fly", "Tool"), ("read", "Tool"), ("read", "Ship")):
        request = AccessRequest(principal=owner, action=action, kind=kind, id="x")
        assert made.decide(request).reasons == (f"policy.unknown:{action}:{kind}",)


def test_a_policy_that_fails_at_run_time_denies_in_both_ways() -> None:
    made = Authorizer.load(
        {"p": 'forbid(principal, action == Action::"perform", resource) '
              "when { principal has level && principal.level + 1 > 9223372036854775807 };"},
        facts={"level": "Long"},
        principals={"amira": {"level": 2**63 - 1}},
    )  # fmt: skip
    for engine in ("compiled", "cedar"):
        verdict = made.explain(asked(AMIRA, "effects:note"), engine=engine).verdict
        assert verdict.kind == "deny"
        assert verdict.reasons == ("policy.error:p#1",)
    assert made.may(Principal(id="ben", rights=AMIRA.rights), "effects:note")


def test_a_policy_that_nobody_validated_still_fails_closed() -> None:
    """Cedar alone skips a forbid that errs, and the call would go through."""
    made = Authorizer(
        parse({"p": "forbid(principal, action, resource) when { principal.nothing };"}),
        kinds={},
        roles=frozenset(),
        facts={},
        version="unvalidated",
    )
    for engine in ("compiled", "cedar"):
        verdict = made.explain(asked(AMIRA, "effects:note"), engine=engine).verdict
        assert verdict.reasons == ("policy.error:p#1",)


def test_the_version_moves_with_everything_and_a_slice_only_with_its_own(made: Authorizer) -> None:
    def other(**changes: object) -> Authorizer:
        given = {"policies": POLICIES, "roles": {"boss": ["decisions:*"]}, "kinds": [INVOICE], **changes}
        return Authorizer.load(
            given["policies"],  # type: ignore[arg-type]
            roles=given["roles"],  # type: ignore[arg-type]
            kinds=given["kinds"],  # type: ignore[arg-type]
            facts={"site": "String"},
            principals=given.get("principals", {}),  # type: ignore[arg-type]
        )

    base = other()
    asks = [
        ("perform", "Tool", "release"),
        ("perform", "Tool", "note"),
        ("decide", "Topic", None),
        ("read", "Invoice", None),
        ("write", "Source", "billing"),
        ("halt", "Platform", None),
    ]

    def moved(changed: Authorizer) -> set[tuple[str, str, str | None]]:
        assert changed.version != base.version
        return {ask for ask in asks if changed.slice_version(*ask) != base.slice_version(*ask)}

    def policies(text: str) -> dict[str, str]:
        return {**POLICIES, "new.cedar": text}

    assert moved(other(policies=policies('permit(principal, action, resource == Tool::"release");'))) == {
        asks[0]
    }
    assert moved(other(policies=policies("forbid(principal is Agent, action, resource is Tool);"))) == set(
        asks[:2]
    )
    assert moved(other(policies=policies('permit(principal, action in [Action::"decide"], resource);'))) == {
        asks[2]
    }
    assert (
        moved(other(policies=policies('permit(principal, action, resource is Source in Source::"x");')))
        == set()
    )
    assert moved(other(roles={"boss": ["decisions:*", "effects:note"]})) == {asks[1]}
    assert moved(other(roles={"boss": ["decisions:release"]})) == {asks[2]}
    assert moved(other(roles={"boss": ["decisions:*", "sources:billing:write:*"]})) == {asks[4]}
    assert moved(other(roles={"boss": ["decisions:*", "sources:b*"]})) == {asks[4]}
    assert moved(other(roles={"boss": ["decisions:*", "rows:*"]})) == {asks[3]}
    assert moved(other(principals={"amira": {"site": "hh"}})) == set()
    wider = Kind(
        name="Invoice", attributes={**INVOICE.attributes, "note": "String?"}, actions=INVOICE.actions
    )
    assert moved(other(kinds=[wider])) == {asks[3]}
    commented = {"desk.cedar": "// another word\n" + POLICIES["desk.cedar"].replace(" when", "\n\nwhen")}
    assert other(policies=commented).version == base.version
    assert base.slice_version(*asks[0]) == base.slice_version(*asks[0])
    assert base.slice_of("effects:release") == base.slice_version("perform", "Tool", "release")
    assert base.slice_of("audit:read") == base.slice_version("use", "Capability", "audit:read")


def test_a_residual_needs_a_kind_and_its_action(made: Authorizer) -> None:
    with pytest.raises(UsageError, match=r"no kind 'Ship'.*policy\.kind"):
        made.residual(AMIRA, "read", "Ship")
    with pytest.raises(UsageError, match=r"policy\.kind"):
        made.residual(AMIRA, "burn", "Invoice")


def test_full_caches_start_again(made: Authorizer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(authorizer, "_KEPT", 2)
    monkeypatch.setattr(cedar, "_KEPT", 2)
    fresh = Authorizer.load(POLICIES, kinds=[INVOICE], facts={"site": "String"})
    for number in range(5):
        who = Principal(id="x", rights=frozenset({f"effects:{number}"}))
        assert fresh.may(who, f"effects:{number}")
        assert fresh.explain(asked(who, f"effects:{number}"), engine="cedar").verdict.allowed
