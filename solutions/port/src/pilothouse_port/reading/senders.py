"""Owns who a mail says it is from: addresses that resemble a registered one without being it."""

from __future__ import annotations

import functools
import re
import unicodedata
from collections.abc import Collection
from email.utils import parseaddr

__all__ = ["address_of", "domain_of", "registered", "signs"]

_SECOND_LEVEL = frozenset(["co", "com", "org", "net", "gov", "ac", "edu", "gob", "gouv", "or", "ne"])
FREE_MAIL = frozenset(
    [
        "gmail",
        "googlemail",
        "outlook",
        "hotmail",
        "live",
        "yahoo",
        "gmx",
        "web",
        "icloud",
        "aol",
        "proton",
        "protonmail",
        "mail",
        "zoho",
        "yandex",
        "tutanota",
        "freemail",
        "quickpost",
        "orange",
        "wanadoo",
        "laposte",
        "libero",
        "virgilio",
        "terra",
        "sapo",
        "wp",
        "onet",
        "interia",
        "t-online",
        "freenet",
        "ziggo",
        "kpnmail",
    ]
)
"""Names of providers at which anybody gets an address."""
LONG = 7
"""Letters from which two slips still make a look-alike; below, one."""
SHORTEST = 5


def address_of(field: str) -> str:
    """Return the bare address of a header field, lower case; empty when there is none."""
    found = parseaddr(field)[1].strip().casefold()
    return found if "@" in found else ""


def domain_of(field: str) -> str:
    """Return the domain of an address, IDNA decoded."""
    domain = address_of(field).rpartition("@")[2]
    try:
        return domain.encode("ascii").decode("idna") if "xn--" in domain else domain
    except UnicodeError:
        return domain


def registered(domain: str) -> tuple[str, str]:
    """Return the name somebody registered and its suffix: ``mail.acme.co.uk`` is (``acme``, ``co.uk``)."""
    parts = [part for part in domain.split(".") if part]
    if len(parts) < 2:
        return domain, ""
    cut = 3 if len(parts) >= 3 and parts[-2] in _SECOND_LEVEL and len(parts[-1]) == 2 else 2
    return parts[-cut], ".".join(parts[len(parts) - cut + 1 :])


@functools.lru_cache(maxsize=4096)
def _skeleton(name: str) -> str:
    """Return the name as it looks (UTS #39): ``paypa1`` and ``pаypal`` look like ``paypal``."""
    from confusable_homoglyphs import confusables

    out: list[str] = []
    for sign in unicodedata.normalize("NFKC", name.casefold()):
        plain = sign
        if not sign.isascii():
            found = confusables.is_confusable(sign, preferred_aliases=["latin"], greedy=True) or []
            likes = [like["c"] for one in found for like in one.get("homoglyphs", ()) if like["c"].isascii()]
            plain = next(iter(likes), unicodedata.normalize("NFKD", sign)[0])
        out.append(plain.casefold())
    bare = "".join(out).translate(str.maketrans({"0": "o", "1": "l", "i": "l", "3": "e", "5": "s", "|": "l"}))
    return bare.replace("rn", "m").replace("vv", "w").replace("-", "").replace("_", "")


def signs(sender: str, reply_to: str, known: Collection[str]) -> tuple[str, ...]:
    """Return what is odd about a mail's addresses, in words; empty when nothing is.

    Args:
        sender: The From field.
        reply_to: The Reply-To field, empty when there is none.
        known: Registered domains: of parties' contacts and our own.
    """
    listed = {registered(domain) for domain in known if registered(domain)[0] not in FREE_MAIL}
    found: list[str] = []
    for role, field in (("From", sender), ("Reply-To", reply_to)):
        domain = domain_of(field)
        if not domain or registered(domain) in listed:
            continue
        like = _resembles(registered(domain), address_of(field).partition("@")[0], listed)
        if like:
            found.append(f"{role} {address_of(field)} resembles {like}")
    answers = domain_of(reply_to)
    mine = domain_of(sender)
    if answers and mine and registered(answers) != registered(mine) and registered(answers) not in listed:
        found.append(f"answers would go to {address_of(reply_to)}, not to {address_of(sender)}")
    return tuple(dict.fromkeys(found))


def _resembles(one: tuple[str, str], local: str, listed: Collection[tuple[str, str]]) -> str:
    name = one[0]
    free = name in FREE_MAIL
    mailbox = re.sub(r"[^a-z0-9]", "", local)
    for known, suffix in sorted(listed):
        bare = re.sub(r"[^a-z0-9]", "", known)
        if len(bare) < SHORTEST:
            continue
        if len(bare) >= SHORTEST + 1 and bare in mailbox:
            return f"{known}.{suffix}"
        if not free and _alike(name, known):
            return f"{known}.{suffix}"
    return ""


@functools.lru_cache(maxsize=65536)
def _alike(name: str, known: str) -> bool:
    from rapidfuzz.distance import OSA

    if name == known or _skeleton(name) == _skeleton(known):
        return True
    if len(known) > SHORTEST and (known in name or (len(name) > SHORTEST and name in known)):
        return True
    slips = 2 if min(len(name), len(known)) >= LONG else 1
    # two firms may be called nearly alike; a slip keeps the first letter nearly always
    return name[:1] == known[:1] and OSA.distance(name, known, score_cutoff=slips) <= slips
