"""Owns saying a dealt policy in words: numbered sentences in the port's language, each fit to be quoted."""

from __future__ import annotations

import functools
import tomllib
from importlib import resources
from typing import Any

from pilothouse_port.world.canon import Canon, Rule, Special
from pilothouse_port.world.project.deal import deal_systems

__all__ = ["write_policy"]


@functools.cache
def _book(language: str) -> dict[str, Any]:
    path = resources.files("pilothouse_port.world") / "data" / f"policy_{language}.toml"
    return tomllib.loads(path.read_text(encoding="utf-8"))


def write_policy(canon: Canon) -> str:
    """Return POLICY.md of a world."""
    writer = _Writer(canon)
    return writer.text()


class _Writer:
    def __init__(self, canon: Canon) -> None:
        self.policy = canon.policy
        self.book = _book(canon.policy.language)
        self.port = canon.port
        parameters = canon.policy.parameters
        scopes = deal_systems(canon)["customers"].codes["mandate.scope"]
        self.slots = {
            "currency": canon.port.currency,
            "tolerance": parameters.tolerance,
            "cover_days": parameters.cover_max_age_days,
            "chapters": ", ".join(parameters.chapters),
            "damage": self.book["minor_yes" if parameters.minor_damage else "minor_no"],
            "scopes": ", ".join(scopes[scope] for scope in parameters.scopes),
            "contact_days": parameters.contact_days,
            "mass_percent": parameters.mass_percent,
            "weight_percent": parameters.weight_percent,
            "package_count": parameters.package_count,
            "empties": parameters.empties,
            "free20": parameters.free_days[20],
            "free40": parameters.free_days[40],
            "free45": parameters.free_days[45],
            "counting": self.book["scale"][parameters.counting],
        }

    def text(self) -> str:
        """Return the document."""
        lines = [f"# {self.book['title'].format(port=self.port.name)}", ""]
        lines += [f"0.{n} {sentence}" for n, sentence in enumerate(self.book["intro"], start=1)]
        checks = list(dict.fromkeys(rule.check for rule in self.policy.rules))
        for at, check in enumerate(checks, start=1):
            lines += ["", f"## {at}. {self.book['sections'][check]}", ""]
            lines += self._section(at, check)
        if self.policy.specials:
            at = len(checks) + 1
            lines += ["", f"## {at}. {self.book['sections']['always']}", ""]
            lines += [f"{at}.{n} {self._special(s)}" for n, s in enumerate(self.policy.specials, start=1)]
        return "\n".join(lines) + "\n"

    def _section(self, at: int, check: str) -> list[str]:
        rules = [rule for rule in self.policy.rules if rule.check == check]
        lines: list[str] = []
        tabled = len(rules) > 3 and self.policy.form == 2
        if tabled:
            head = self.book["table"]
            lines += [f"| | {head[0]} | {head[1]} | {head[2]} |", "|---|---|---|---|"]
        for n, rule in enumerate(rules, start=1):
            lines.append(self._row(f"{at}.{n}", rule) if tabled else f"{at}.{n} {self._sentence(rule)}")
        note = self.book["notes"].get(check)
        if note:
            lines += (
                ["", f"{at}.{len(rules) + 1} {note.format(**self.slots)}"]
                if tabled
                else [f"{at}.{len(rules) + 1} {note.format(**self.slots)}"]
            )
        return lines

    def _when(self, rule: Rule) -> str:
        return str(self.book["when"][f"{rule.check}.{rule.outcome}"]).format(**self.slots)

    def _row(self, number: str, rule: Rule) -> str:
        return f"| {number} | {self._when(rule)} | {rule.verdict} | {rule.word} |"

    def _sentence(self, rule: Rule) -> str:
        form = self.book["forms"][self.policy.form]
        return str(form).format(when=self._when(rule), verdict=rule.verdict, word=rule.word)

    def _special(self, special: Special) -> str:
        notes = self.book["notes"]
        return str(notes[special.kind]).format(
            group=special.group,
            amount=special.amount,
            currency=self.port.currency,
            kind=notes["kinds"].get(special.box_kind, special.box_kind),
            word=special.word,
            verdict=special.verdict,
            hour=special.hour,
        )
