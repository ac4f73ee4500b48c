"""The task that the tests of claims read for."""

from __future__ import annotations

from typing import Any

import pytest

from pilothouse.documents import claims

TABLE: dict[str, Any] = {
    "task": {"name": "mail", "languages": ["en", "de", "fr", "es", "nl", "it", "pt", "pl"]},
    "types": {
        "stop": {
            "tightens": True,
            "excludes": ["stop_withdrawn"],
            "means": "keep the goods",
            "slots": {"container": {"mention": "container", "many": True}},
        },
        "stop_withdrawn": {"slots": {"container": {"mention": "container"}}},
        "account": {"mention": "iban"},
        "box": {"mention": "container"},
    },
    "patterns": {"bl": {"regex": r"\b[A-Z]{4}\d{8}\b", "near": ["b/l", "bill"]}},
    "concepts": {
        "release": {
            "en": ["releas*", "hand .. over", "deliver*"],
            "de": ["freigeb*", "freigegeben", "geben .. frei", "auslieferung"],
            "fr": ["livr*", "remettre"],
            "es": ["entreg*"],
            "nl": ["vrijgeven", "geef .. vrij"],
            "it": ["consegn*"],
            "pt": ["entreg*"],
            "pl": ["wydawa*"],
        },
        "hold": {"en": ["hold", "stop*", "block*"], "de": ["sperr*", "stopp*"], "alert": True},
        "lift": {"en": ["lift*", "withdraw*"], "de": ["nehmen .. zurück", "aufgehoben"]},
        "objection": {"en": ["no objection*"]},
        "when": {"en": ["when", "status"], "de": ["wann"], "negatable": False},
    },
    "rules": [
        {"type": "stop", "all": ["!release"], "none": ["objection"]},
        {"type": "stop", "all": ["hold"], "none": ["lift"]},
        {"type": "stop_withdrawn", "all": ["lift", "hold"], "within": 12},
    ],
    "harmless": [{"all": ["when"], "question": True}],
}


@pytest.fixture(scope="session")
def task() -> claims.Task:
    return claims.task_of(TABLE)
