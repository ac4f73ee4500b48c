"""Without a single policy the Authorizer says what the kernel says, by closures and by Cedar."""

from __future__ import annotations

from functools import cache

from hypothesis import given, settings
from hypothesis import strategies as st

from pilothouse.kernel import RIGHTS, SYSTEM, Principal, require
from pilothouse.policy import AccessRequest, Authorizer
from pilothouse.policy.request import asked

NAMES = st.sampled_from(["a", "b", "desk", "effects", 'x"y\\z', "*", "\n", "é", "\0"]) | st.text(max_size=4)
RIGHT = st.one_of(
    st.lists(NAMES, min_size=1, max_size=4).map(":".join),
    st.sampled_from(
        ["effects:halt", "sources:a:read", "sources:a:write:b", "decisions:desk", "effects:", ""]
    ),
)
HELD = st.one_of(RIGHT, RIGHT.map(lambda right: right + "*"), st.just("*"))
ACL = st.builds(lambda kind, name: f"{kind}:{name}", st.sampled_from(["user", "group", "acl"]), NAMES)


def principals(agent: st.SearchStrategy[Principal | None]) -> st.SearchStrategy[Principal]:
    return st.builds(
        Principal,
        id=NAMES,
        kind=st.sampled_from(["person", "service", "system"]),
        rights=st.frozensets(st.one_of(HELD, ACL), max_size=3),
        groups=st.frozensets(NAMES, max_size=3),
        agent=agent,
    )


AGENT = principals(st.none() | principals(st.none()))
WHO = principals(st.none() | AGENT)


@cache
def bare() -> Authorizer:
    return Authorizer.load()


@settings(deadline=None)
@given(who=WHO, right=RIGHT)
def test_may_is_the_kernels_may(who: Principal, right: str) -> None:
    wanted = RIGHTS.may(who, right)
    assert bare().may(who, right) is wanted
    assert bare().may(who, right) is wanted  # from the cache
    assert bare().explain(asked(who, right), engine="cedar").verdict.allowed is wanted


@settings(deadline=None)
@given(who=WHO, acl=st.one_of(ACL, RIGHT))
def test_reads_is_the_kernels_reads(who: Principal, acl: str) -> None:
    wanted = RIGHTS.reads(who, acl)
    assert bare().reads(who, acl) is wanted
    assert bare().reads(who, acl) is wanted
    request = AccessRequest(principal=who, action="see", kind="Acl", id=acl, right=acl)
    assert bare().explain(request, engine="cedar").verdict.allowed is wanted


def test_the_same_text_as_right_and_as_acl_is_two_questions() -> None:
    who = Principal(id="amira")
    assert bare().reads(who, "user:amira")
    assert not bare().may(who, "user:amira")


def test_the_system_may_everything_and_require_goes_through_it() -> None:
    assert bare().may(SYSTEM, "effects:release")
    require(SYSTEM, "effects:release", authority=bare())


def test_what_is_no_text_is_denied() -> None:
    who = Principal(id="amira", rights=frozenset({"*"}))
    assert bare().decide(asked(who, "effects:\ud800")).reasons == ("policy.text",)
    broken = Principal(id="amira", rights=frozenset({"*"}), agent=Principal(id="\ud800"))
    assert bare().decide(asked(broken, "effects:note")).reasons == ("policy.text",)
