"""What flows where, construct by construct: each line of a program that must, or must not, carry a source."""

from __future__ import annotations

import pytest
from flow_programs import TYPED, World, indent, made, run

from pilothouse.effects import sources_of
from pilothouse.workflows.flow import known_slice

NUMBERS = {"mail": 1, "book": 2, "hr": 3}
HEAD = "async def program(p: int, q: int) -> int:\n"


def told(body: str, *, approves: bool = True, numbers: dict[str, int] | None = None):
    """Run a body and return, call by call, the declared sources of each argument and of the choice."""
    flow = made(HEAD + indent(body.strip().splitlines()) + "\n")
    assert not known_slice(flow.function).unread
    world = run(flow, World(numbers or dict(NUMBERS), approves=approves), begin=TYPED)
    return [
        {name: named(label) for name, label in {**event.labels, "pc": event.pc}.items()}
        for event in world.events.values()
    ]


def named(label) -> str:
    """Return the declared sources behind a label as one word."""
    return "+".join(sorted(sources_of(label) & NUMBERS.keys()))


def only(body: str, **more):
    (found,) = told(body, **more)
    return found


def test_values_flow_and_constants_do_not():
    found = only("m = await read_mail(p)\nk = await read_book(1)\nawait perform(note.bind(m, b=k + 1))")
    assert found == {"a": "mail", "b": "book", "pc": ""}
    found = only("m = await read_mail(p)\nawait perform(note.bind(p, b=7))")
    assert found == {"a": "", "b": "", "pc": ""}


def test_a_look_up_keyed_by_an_untrusted_value_keeps_its_doubt():
    found = only("m = await read_mail(p)\nk = await read_book(m)\nawait perform(note.bind(k, 0))")
    assert found["a"] == "book+mail"


@pytest.mark.parametrize(
    "body",
    [
        "if m % 2:\n    x = 1",
        "if m % 2:\n    pass\nelse:\n    x = 1",
        "x = 1 if m % 2 else 2",
        "x = m and 3",
        "for i in range(m):\n    x = 1",
        "for i in range(m):\n    x = i",
        "while x < m:\n    x += 1",
        "for i in range(3):\n    if m % 2:\n        break\n    x = i",
        "for i in range(3):\n    if m % 2:\n        continue\n    x = i",
        "match m:\n    case 1:\n        x = 1",
        "match m:\n    case w:\n        x = w",
        "try:\n    await may_fail(m)\n    x = 1\nexcept DataError:\n    x = 2",
        "try:\n    await may_fail(m)\n    x = 1\nexcept DataError:\n    pass",
        "x = len([y for y in range(m)])",
        "x = sum([1 for y in range(3) if y < m])",
        "(x := m)",
        "x, y = m, 2",
        "x += m",
        "x = [m][0]",
        "x = {'k': m}['k']",
        "x = f'{m}'.count('1')",
        "box = [0]\nother = box\nother.append(m)\nx = box[-1]",
        "box = [0]\nother = [box]\nother[0][0] = m\nx = box[0]",
        "box = [0]\nput(box, m)\nx = box[-1]",
        "box = [0]\nother = box\nbox += [m]\nx = other[-1]",
        "box = {}\nbox['k'] = m\nx = box['k']",
        "box = [0, 1]\nif m % 2:\n    box.pop()\nx = len(box)",
        "box = [0, 1]\nif m % 2:\n    del box[0]\nx = box[0]",
        "box = [3, 4]\nx = box[m % 2]",
        "x = await mix(m, 1)",
        "x = helper(m, 1)",
        "x = sum(await gather(read_book(m), read_book(1)))",
        "x = sum(await gather(*(read_book(y) for y in range(m))))",
        "x = await through_helper(m)",
        "x = await child(sub, m, q=1)",
        "x = max([1, 2], key=lambda y: y - m)",
    ],
)
def test_every_way_from_a_source_to_an_argument_is_seen(body):
    found = told(f"m = await read_mail(p)\nx = 0\n{body}\nawait perform(note.bind(x, 0), site='s')")[-1]
    assert "mail" in found["a"], found


@pytest.mark.parametrize(
    "body",
    [
        "if m % 2:\n    return 0",
        "if m > 9:\n    raise DataError('x')",
        "for i in range(2):\n    if m > 9:\n        return 0",
        "try:\n    await may_fail(m * 2)\nexcept DataError:\n    return 0",
        "if m > 9:\n    x = 1\nelif x:\n    return 0",
    ],
)
def test_leaving_early_decides_what_follows(body):
    text = f"m = await read_mail(1)\nx = 0\n{body}\nawait perform(note.bind(1, 0), site='s')"
    assert "mail" in told(text)[-1]["pc"]


@pytest.mark.parametrize(
    "body",
    [
        "if m % 2:\n    x = 1",
        "for i in range(m):\n    await mix(i, 1)",
        "while x < m:\n    x += 1",
        "try:\n    await may_fail(m)\nexcept DataError:\n    x = 1",
        "for i in range(9):\n    if m % 2:\n        break",
    ],
)
def test_what_comes_after_a_branch_in_any_case_is_not_its_choice(body):
    found = told(f"m = await read_mail(p)\nx = 0\n{body}\nawait perform(note.bind(1, 0), site='s')")[-1]
    assert found == {"a": "", "b": "", "pc": ""}


def test_the_body_of_a_branch_is_its_choice():
    found = told("m = await read_mail(1)\nif m % 2 == 0:\n    await perform(note.bind(1, 0), site='s')")
    assert found[-1]["pc"] == "mail"


def test_which_of_several_calls_is_performed_is_a_choice_of_all_its_arguments():
    body = "m = await read_mail(p)\ncalls = [note.bind(1, 2), note.bind(3, 4)]\nawait perform(calls[m % 2])"
    assert only(body) == {"a": "mail", "b": "mail", "pc": ""}
    body = (
        "m = await read_mail(p)\nif m % 2:\n    call = note.bind(1, 2)\nelse:\n    call = note.bind(3, m)\n"
    )
    assert only(body + "await perform(call)")["a"] == "mail"
    body = "m = await read_mail(p)\ncall = note.bind(1, b=m)\nawait perform(call)"
    assert only(body) == {"a": "", "b": "mail", "pc": ""}


def test_what_is_unpacked_flows_into_every_argument():
    body = "m = await read_mail(p)\nargs = {'a': 1, 'b': m}\nawait perform(note.bind(**args))"
    assert only(body) == {"a": "mail", "b": "mail", "pc": ""}


def test_a_person_answers_for_the_yes_and_not_for_the_values_asked_about():
    body = """
m = await read_mail(p)
answer = await decide('?', of=note.bind(1, m))
x = answer.args['b']
await perform(note.bind(x, int(answer.approved)), site='s')
if answer.approved:
    await perform(note.bind(1, 0), site='t')
"""
    flow = made(HEAD + indent(body.strip().splitlines()) + "\n")
    world = run(flow, World(dict(NUMBERS)), begin=TYPED)
    first, second = world.events.values()
    assert (first.labels["a"].integrity.name, first.labels["b"].integrity.name) == ("UNTRUSTED", "APPROVED")
    assert second.pc.integrity.name == "APPROVED"
    asked = run(
        made(HEAD + indent(body.strip().splitlines()) + "\n"),
        World(dict(NUMBERS), approves=False),
        begin=TYPED,
    )
    (event,) = asked.events.values()
    assert event.labels["b"].integrity.name == "UNTRUSTED", "nobody said anything"


def test_the_state_of_an_outcome_is_ours_and_its_result_the_receivers():
    body = """
done = await perform(note.bind(1, 0), site='s')
await perform(note.bind(len(done.state), done.result), site='t')
"""
    flow = made(HEAD + indent(body.strip().splitlines()) + "\n")
    _, event = run(flow, World(dict(NUMBERS)), begin=TYPED).events.values()
    assert (event.labels["a"].integrity.name, event.labels["b"].integrity.name) == ("RECORD", "UNTRUSTED")


def test_a_step_called_from_a_function_counts_as_everything_seen_so_far():
    body = "m = await read_mail(p)\nk = await through_helper(1)\nawait perform(note.bind(k, 0))"
    assert "mail" in only(body)["a"], "what the function called is not known here"


@pytest.mark.parametrize(
    "body",
    [
        "def inner():\n    return m\nx = inner()",
        "with open_it() as f:\n    x = 1",
        "x = (lambda: put(box, m))()",
        "try:\n    return 1\nfinally:\n    x = 1",
    ],
)
def test_what_is_not_followed_makes_everything_flow_everywhere(body):
    text = "m = await read_mail(p)\nbox = []\n" + body + "\nreturn 0"
    source = HEAD + indent(text.splitlines()) + "\n"
    scope: dict[str, object] = {}
    import linecache

    linecache.cache["<unread>"] = (len(source), None, source.splitlines(keepends=True), "<unread>")
    exec(compile(source, "<unread>", "exec"), scope)
    found = known_slice(scope["program"])  # type: ignore[arg-type]
    assert found.unread
    assert found.returned == {"low"}
