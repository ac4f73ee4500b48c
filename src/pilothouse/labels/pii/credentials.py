"""Owns what opens doors: keys by their prefix, tokens by their shape, passwords by the word before them."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterator
from itertools import pairwise

from pilothouse.labels.pii.types import Rule

__all__ = ["RULES", "assigned", "is_secret", "private_keys"]

_BEGIN = re.compile(r"-----BEGIN [A-Z0-9 ]{0,30}PRIVATE KEY(?: BLOCK)?-----")
_END = re.compile(r"-----END [A-Z0-9 ]{0,30}PRIVATE KEY(?: BLOCK)?-----")
_WORDS = (
    r"pass(?:word|wd|phrase|code)?|pwd|passwort|kennwort|mot[ _]de[ _]passe|contraseña|secret|credentials?|"
    r"(?:(?:access|refresh|auth|id|bearer)[ _-]?)?token|client[ _-]?secret|connection[ _-]?string|"
    r"(?:api|access|auth|secret|private|signing|encryption)[ _-]?key|authorization|cookie|session[ _-]?id"
)
_NAME = re.compile(rf"(?:.{{0,80}}[^A-Za-z])?(?i:{_WORDS})", re.DOTALL)
_ASSIGNED = re.compile(
    rf"(?<![A-Za-z])(?=[PKMCSTARIBEpkmcstaribe])(?i:{_WORDS})(?![A-Za-z])[\"']?"
    r"[ ]{0,3}(?P<sign>=>|:=|=|:)[ ]{0,3}"
    r"(?:([\"'])(?P<quoted>[^\"'\n]{4,512})\2|(?P<bare>[^\s\"'&,;]{4,512}+))"
)
_HINTS = (
    "pass",
    "pwd",
    "kennwort",
    "contrase",
    "secret",
    "credential",
    "token",
    "connection",
    "key",
    "auth",
    "cookie",
    "session",
)
# Not a value: a reference to one, a mark of this module, or a word of code.
_NO_VALUE = re.compile(
    r"(?:secret:)?//.*|‹.*|\*+|[<{$%].*|(?i:none|null|true|false|undefined|redacted|str|string)[,;)]?"
)


def private_keys(text: str) -> Iterator[tuple[int, int]]:
    """Return where key blocks stand; one that is cut off reaches to the end of the text."""
    at = 0
    while begin := _BEGIN.search(text, at):
        end = _END.search(text, begin.end())
        at = end.end() if end else len(text)
        yield begin.start(), at


def assigned(text: str) -> Iterator[tuple[int, int]]:
    """Return where values stand after a name that says they are secret."""
    lower = text.lower()
    if not any(hint in lower for hint in _HINTS):
        return
    for match in _ASSIGNED.finditer(text):
        # After a colon stands a sentence as well; after = and in quotes stands a value.
        bare = match["sign"] == ":" and match["bare"]
        group = "quoted" if match["quoted"] else "bare"
        if _is_odd(match[group]) if bare else _is_value(match[group]):
            yield match.span(group)


def is_secret(name: str, value: str) -> bool:
    """Whether a field of this name holds a secret, and not a reference to one."""
    return bool(value) and _NAME.fullmatch(name[-80:]) is not None and _is_value(value)


def _is_value(text: str) -> bool:
    return not _NO_VALUE.fullmatch(text)


def _is_odd(text: str) -> bool:
    """Words of a sentence are not passwords."""
    return _is_value(text) and not re.fullmatch(r"[A-ZÀ-Ý]?[a-zß-ÿ'-]+[.,;:!?)]*", text)


def _is_random(text: str) -> bool:
    """More mixed than words, paths and hashes are."""
    kinds = (str.isupper, str.islower, str.isdigit)
    if not all(sum(map(kind, text)) >= 3 for kind in kinds) or re.fullmatch(r"[0-9a-fA-F-]+", text):
        return False
    size = len(text)
    entropy = -sum(n / size * math.log2(n / size) for n in Counter(text).values())
    changes = sum(_class(a) != _class(b) for a, b in pairwise(text))
    return entropy > 3.9 and changes > size * 0.35


def _class(sign: str) -> int:
    return 0 if sign.isdigit() else 1 if sign.isupper() else 2


RULES = (
    Rule(
        kind="jwt",
        pattern=re.compile(r"(?<![\w-])eyJ[\w-]{8,8192}+\.eyJ[\w-]{4,8192}+\.[\w-]{0,2048}+"),
        needs=("eyJ",),
    ),
    Rule(
        kind="url_credentials",
        pattern=re.compile(
            r"(?<![A-Za-z])[a-z][a-z0-9+.-]{1,19}://(?P<v>[^\s/@:'\"]{0,128}+:[^\s/@'\"]{1,256}+)@"
        ),
        needs=("://",),
        check=lambda text: _is_value(text.partition(":")[2]),
    ),
    Rule(
        kind="aws_key",
        pattern=re.compile(r"(?<![A-Za-z0-9])(?:AKIA|ASIA|AGPA|AIDA|AROA|ANPA)[A-Z2-7]{16}(?![A-Za-z0-9])"),
        needs=("AKIA", "ASIA", "AGPA", "AIDA", "AROA", "ANPA"),
    ),
    Rule(
        kind="gcp_key",
        pattern=re.compile(r"(?<![\w-])(?:AIza[\w-]{35}|ya29\.[\w-]{20,512}+|GOCSPX-[\w-]{28})(?![\w-])"),
        needs=("AIza", "ya29.", "GOCSPX-"),
    ),
    Rule(
        kind="github_token",
        pattern=re.compile(r"(?<!\w)(?:gh[pousr]_[A-Za-z0-9]{36,255}+|github_pat_\w{22,255}+)"),
        needs=("gh", "github_pat_"),
    ),
    Rule(
        kind="gitlab_token",
        pattern=re.compile(r"(?<![\w-])gl(?:pat|dt|rt|cbt)-[\w-]{20,64}+"),
        needs=("glpat-", "gldt-", "glrt-", "glcbt-"),
    ),
    Rule(
        kind="slack_token",
        pattern=re.compile(r"(?<![\w-])xox[abeoprs]-[A-Za-z0-9-]{10,255}+"),
        needs=("xox",),
    ),
    Rule(
        kind="slack_token",
        pattern=re.compile(
            r"hooks\.slack\.com/services/(?P<v>[A-Z0-9]{8,12}/[A-Z0-9]{8,12}/[A-Za-z0-9]{20,28})"
        ),
        needs=("hooks.slack.com",),
    ),
    Rule(
        kind="model_key",
        pattern=re.compile(r"(?<![\w-])(?:sk-[\w-]{20,200}+|hf_[A-Za-z0-9]{30,40}+|gsk_[A-Za-z0-9]{40,60}+)"),
        needs=("sk-", "hf_", "gsk_"),
    ),
    Rule(
        kind="payment_key",
        pattern=re.compile(
            r"(?<!\w)(?:sk|rk|pk)_(?:live|test)_[A-Za-z0-9]{16,255}+|(?<!\w)whsec_[A-Za-z0-9]{24,64}+"
        ),
        needs=("_live_", "_test_", "whsec_"),
    ),
    Rule(
        kind="package_token",
        pattern=re.compile(r"(?<![\w-])(?:npm_[A-Za-z0-9]{36}|pypi-[\w-]{50,255}+)"),
        needs=("npm_", "pypi-"),
    ),
    Rule(
        kind="age_key",
        pattern=re.compile(r"(?<![\w-])AGE-SECRET-KEY-1[A-Z0-9]{50,64}+"),
        needs=("AGE-SECRET-KEY-1",),
    ),
    Rule(
        kind="secret",
        pattern=re.compile(
            r"(?<!\w)(?i:bearer|basic)[ ](?P<v>(?=[^\s]*[\d=+/])[A-Za-z0-9+/=._~-]{12,2048}+)"
        ),
        check=_is_value,
    ),
    Rule(
        kind="secret",
        pattern=re.compile(r"(?<![\w+/=.-])(?P<v>[A-Za-z0-9+/_-]{24,128}+={0,2})(?![\w+/.-])"),
        check=_is_random,
    ),
)
