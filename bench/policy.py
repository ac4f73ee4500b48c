"""What a decision costs: cached, compiled, by Cedar; and whether the last two agree on 100,000 requests.

Run: python bench/policy.py [requests]

CPU time. 101 policies (a hundred like those of a real desk, and one forbid), five groups a principal. The
peer is Cedar as its README does it: policy text and entities given as text, parsed for each decision.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from random import Random

from pilothouse.kernel import Principal
from pilothouse.policy import AccessRequest, Authorizer
from pilothouse.policy.request import asked
from pilothouse.policy.rows.testing import made_rules
from pilothouse.policy.testing import INVOICE, made_authorizer, made_request

REQUESTS = int(sys.argv[1]) if len(sys.argv) > 1 else 100_000
TEXT = "".join(
    f'@id("p{n}") permit(principal in Group::"g{n % 20}", action == Action::"perform", resource == '
    f'Tool::"t{n}") when {{ principal has level && principal.level > {n % 7} }};\n'
    for n in range(100)
) + 'forbid(principal is Agent, action == Action::"perform", resource == Tool::"t3");\n' + (
    '@id("rows") permit(principal in Group::"g1", action == Action::"read", resource is Invoice) '
    "when { principal has site && resource.site == principal.site };"
)  # fmt: skip


def costs(one: Callable[[int], object], times: int) -> list[float]:
    """Return the CPU seconds of each call, sorted."""
    out: list[float] = []
    for number in range(times):
        start = time.process_time_ns()
        one(number)
        out.append((time.process_time_ns() - start) / 1e9)
    return sorted(out)


def line(what: str, all_costs: list[float], goal: str) -> None:
    mean = sum(all_costs) / len(all_costs)
    p99 = all_costs[int(len(all_costs) * 0.99)]
    print(f"{what:34} {mean * 1e6:9.1f} us {1 / mean:12,.0f}/s   p99 {p99 * 1e3:7.3f} ms   {goal}")


def readme(person: Principal, tool: str) -> object:
    from cedarpy import is_authorized

    entity = {
        "uid": {"type": "Person", "id": person.id},
        "attrs": {"level": 5, "site": "hh"},
        "parents": [{"type": "Group", "id": name} for name in sorted(person.groups)],
    }
    request = {
        "principal": f'Person::"{person.id}"',
        "action": 'Action::"perform"',
        "resource": f'Tool::"{tool}"',
    }
    return is_authorized(request, TEXT, json.dumps([entity]))


def agree() -> None:
    """Ask ``REQUESTS`` random requests of random policies both ways."""
    done = allowed = differ = 0
    seed = 0
    while done < REQUESTS:
        rng = Random(seed)
        seed += 1
        authorizer = made_authorizer(rng)
        for _ in range(min(100, REQUESTS - done)):
            request = made_request(rng)
            answer = authorizer.explain(request)
            differ += answer != authorizer.explain(request, engine="cedar")
            allowed += answer.verdict.allowed
            done += 1
    print(f"{done:,} random requests of {seed:,} policy sets: {differ} differ (goal 0), {allowed:,} allowed")


def main() -> None:
    start = time.process_time()
    made = Authorizer.load(
        {"bench": TEXT},
        kinds=[INVOICE],
        facts={"site": "String", "level": "Long"},
        principals={f"u{n}": {"site": "hh", "level": n % 10} for n in range(1000)},
    )
    print(f"load and validate: {(time.process_time() - start) * 1e3:.0f} ms")
    people = [
        Principal(
            id=f"u{n}",
            groups=frozenset(f"g{(n + k) % 20}" for k in range(5)),
            rights=frozenset({"sources:*"}),
        )
        for n in range(1000)
    ]
    agent = Principal(id="u7", rights=frozenset({"effects:*"}))
    acting = Principal(id="u1", rights=frozenset({"effects:*"}), agent=agent)
    rows = {"site": "hh", "amount": 3, "paid": True}

    def cached(number: int) -> None:
        for _ in range(10):
            made.may(people[number % 50], f"effects:t{number % 20}")

    def cedar(number: int) -> object:
        request = asked(people[number % 1000], f"effects:t{number % 100}")
        return made.explain(request, engine="cedar")

    def row(number: int) -> object:
        who = people[number % 1000]
        return made.decide(
            AccessRequest(principal=who, action="read", kind="Invoice", id="1", attributes=rows)
        )

    cached(0)
    for number in range(1000):
        cached(number)
    ten = costs(cached, 20_000)
    line("cached", [cost / 10 for cost in ten], "goal 100,000/s")
    alone = costs(lambda n: made.decide(asked(people[n % 1000], f"effects:t{n % 100}")), 20_000)
    line("not cached, compiled", alone, "goal 2,500/s, p99 < 2 ms")
    both = costs(lambda n: made.decide(asked(acting, f"effects:t{n % 100}")), 20_000)
    line("not cached, user and agent", both, "")
    line("not cached, a row", costs(row, 20_000), "")
    line("Cedar with parsed handles", costs(cedar, 2_000), "goal 2,500/s, p99 < 2 ms")
    peer = costs(lambda n: readme(people[n % 1000], f"t{n % 100}"), 200)
    line("peer: Cedar as in its README", peer, "")

    def residual(number: int) -> object:
        who = Principal(id=f"u{number}", groups=frozenset({"g1"}))
        return made.residual(who, "read", "Invoice").sql({name: name for name in INVOICE.attributes})

    line("residual to SQL, not cached", costs(residual, 500), "")
    rewriting()
    agree()


def rewriting() -> None:
    """Rewrite a query over three tables: each time anew, then kept."""
    text = (
        "with late as (select id, site, amount from invoice where amount > {n}) select s.name, count(*), "
        "sum(late.amount) from late join ship s on s.id = late.id join invoice i on i.id = late.id "
        "where s.name like 'h%' group by s.name order by 2"
    )
    rules = made_rules("postgres")
    line("rewrite SQL of three tables", costs(lambda n: rules.rewrite(text.format(n=n)), 300), "goal 6 ms")
    line("the same, kept", costs(lambda n: rules.rewrite(text.format(n=n)), 300), "")


main()
