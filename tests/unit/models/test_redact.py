"""Personal data leaves as placeholders and comes back by code; what is left is for more readers."""

from __future__ import annotations

import pytest

from pilothouse.kernel import UsageError
from pilothouse.labels import Integrity, Label, Origin
from pilothouse.models import Message, Part, Redactor, ToolChoice
from pilothouse.models.calling.read import Read
from pilothouse.models.privacy.redact import TIMELESS, redacted, restored

IBAN = "DE89370400440532013000"
LABEL = Label(
    readers=frozenset({"acl:pii", "acl:desk"}),
    integrity=Integrity.RECORD,
    origin=Origin(source="crm", object="customers", key={}, field="note", version="1", read_at=TIMELESS),
)
PII = Redactor(name="pii", opens=("acl:pii",))


def conversation(text: str) -> list[Message]:
    return [Message(role="user", parts=(Part(text=text, label=LABEL),))]


def test_a_value_has_the_same_placeholder_everywhere_and_comes_back() -> None:
    messages = conversation(f"Pay {IBAN}, not amira@example.org; again {IBAN}.")
    found = redacted(messages, [PII])
    text = found.messages[0].parts[0].text
    assert text == "Pay <IBAN_1>, not <EMAIL_1>; again <IBAN_1>."
    assert found.label.readers == {"acl:desk"}
    assert found.label.integrity is Integrity.RECORD
    assert IBAN not in repr(found.messages)
    answer = Read(
        text="To <IBAN_1> and <IBAN_9>",
        value={"to": ["<EMAIL_1>"]},
        choices=(ToolChoice(id="1", tool="pay", arguments={"iban": "<IBAN_1>"}),),
    )
    back = restored(answer, messages, {"pii": PII}, ["pii"])
    assert back.text == f"To {IBAN} and <IBAN_9>", "a placeholder we never made stays"
    assert back.value == {"to": ["amira@example.org"]}
    assert back.choices[0].arguments == {"iban": IBAN}


def test_only_the_declared_kinds_are_taken_and_only_their_readers_opened() -> None:
    found = redacted(
        conversation(f"{IBAN} amira@example.org"), [Redactor(name="i", kinds=frozenset({"iban"}))]
    )
    assert found.messages[0].parts[0].text == "<IBAN_1> amira@example.org"
    assert found.label.readers == LABEL.readers


def test_a_kind_that_nobody_recognises_is_refused() -> None:
    with pytest.raises(UsageError, match="there is no kind"):
        Redactor(name="x", kinds=frozenset({"shoe size"}))
