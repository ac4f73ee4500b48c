"""Every rung holds to the suite of extractors."""

from __future__ import annotations

from pilothouse.documents import claims
from pilothouse.documents.claims.testing import ExtractorSuite


def small() -> claims.Task:
    return claims.task_of(
        {
            "task": {"name": "suite", "languages": ["en", "de"]},
            "types": {"stop": {"tightens": True}, "other": {}},
            "concepts": {
                "hold": {"en": ["hold", "stop"]},
                "release": {"en": ["releas*"], "de": ["freigeb*"]},
            },
            "rules": [{"type": "stop", "all": ["hold|!release"]}, {"type": "other", "all": ["release"]}],
        }
    )


class TestRules(ExtractorSuite):
    def task(self) -> claims.Task:
        return small()

    def extractor(self) -> claims.RuleExtractor:
        return claims.RuleExtractor(small())
