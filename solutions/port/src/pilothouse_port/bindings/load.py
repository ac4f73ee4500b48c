"""Owns reading ``port.yaml``: errors that name line and value, policy rows bound to their document."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from pilothouse.kernel import UsageError
from pilothouse_port.bindings.model import BindingModel, PolicyModel, PortModel, RowModel, named
from pilothouse_port.bindings.values import pipeline
from pilothouse_port.facts import FACTS, KEYS
from pilothouse_port.policy import Comparison, Condition, PolicyRow, PolicyTable, Twist, document_hash
from pilothouse_port.types import Verdict

__all__ = ["Bindings", "count_lines", "known_wordings", "load_bindings"]

ROOT_KEYS = frozenset({"container", "bl", "call"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Bindings:
    """A port as configured.

    Attributes:
        model: The parsed file.
        table: Its policy rows.
        path: Where it stands.
        document: The policy its rows are bound to.
        lines: Lines that are neither blank nor comment.
        version: SHA-256 of the file.
    """

    model: PortModel
    table: PolicyTable
    path: Path
    document: Path
    lines: int
    version: str

    def of(self, name: str) -> tuple[BindingModel, ...]:
        """Return the bindings of a fact or join; empty when it is unbound."""
        found = self.model.facts.get(name) or self.model.joins.get(name)
        if found is None:
            return ()
        return found if isinstance(found, tuple) else (found,)


def load_bindings(path: Path, *, policy_document: Path | None = None) -> Bindings:
    """Read a ``port.yaml`` with the policy it is bound to.

    Args:
        path: The file.
        policy_document: The policy; by default ``policy.document``, relative to the file.

    Raises:
        UsageError: ``port.yaml``, ``port.policy_*``, ``port.transform``: names file, line and value.
    """
    asked = (path, policy_document)
    held = _loaded.get(asked)
    if held is not None and all(_stamp(file) == stamp for file, stamp in held[0].items()):
        return held[1]
    made = _load(path, policy_document)
    known = [path.parent / text.known_file for text in made.model.texts.values() if text.known_file]
    _loaded[asked] = ({file: _stamp(file) for file in (path, made.document, *known)}, made)
    return made


_Stamp = tuple[int, int] | None
_loaded: dict[tuple[Path, Path | None], tuple[dict[Path, _Stamp], Bindings]] = {}


def _stamp(file: Path) -> _Stamp:
    """Return what changes when a file does; every step of every run loads the mapping anew."""
    try:
        found = file.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size


def _load(path: Path, policy_document: Path | None) -> Bindings:
    text = _text(path)
    model = _parsed(text, path)
    _verify_keys(model, path)
    model = _with_known(model, path)
    document = policy_document or (path.parent / model.policy.document)
    content = _text(document, what="policy document")
    table = policy_of(model.policy, current=document_hash(content.encode()))
    table.verify_quotes(content)
    return Bindings(
        model=model,
        table=table,
        path=path,
        document=document,
        lines=count_lines(text),
        version=hashlib.sha256(text.encode()).hexdigest(),
    )


def _text(path: Path, what: str = "file") -> str:
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise UsageError(
            f"there is no {what} {str(path)!r}; name one that exists", code="port.file"
        ) from None
    except UnicodeDecodeError as error:
        raise UsageError(f"{str(path)!r} is not UTF-8: {error}", code="port.file") from error


def count_lines(text: str) -> int:
    """Count lines that say something."""
    return sum(bool(line.strip()) and not line.lstrip().startswith("#") for line in text.splitlines())


def _parsed(text: str, path: Path) -> PortModel:
    import yaml
    from pydantic import ValidationError

    try:
        root = cast("Any", yaml).compose(text, Loader=_loader())
        data: object = yaml.load(text, Loader=_loader())  # noqa: S506 - a SafeLoader with fewer types
    except yaml.YAMLError as error:
        raise UsageError(f"{path.name} is not YAML: {error}", code="port.yaml") from error
    try:
        return PortModel.model_validate(data)
    except ValidationError as error:
        wrong = [
            f"line {_line(root, item['loc'])}: {'.'.join(map(str, item['loc']))}: {item['msg']}, "
            f"got {str(item['input'])[:80]!r}"
            for item in error.errors(include_url=False)[:8]
        ]
        raise UsageError(f"{path.name} is not right:\n  " + "\n  ".join(wrong), code="port.yaml") from None


def _loader() -> Any:
    """Return a safe loader in which ``No``, ``007`` and ``2026-03-01`` are the words they look like."""
    import yaml

    class Words(yaml.SafeLoader):
        pass

    Words.yaml_implicit_resolvers = {}
    shapes = {
        "bool": r"true|false",
        "int": r"-?(?:0|[1-9][0-9]*)",
        "float": r"-?[0-9]+\.[0-9]+",
        "null": r"~|null|",
    }
    for name, shape in shapes.items():
        cast("Any", Words).add_implicit_resolver(
            f"tag:yaml.org,2002:{name}", re.compile(f"^(?:{shape})$"), None
        )
    return Words


def _line(root: Any, loc: Sequence[int | str]) -> int:
    """Walk the YAML nodes along a Pydantic location and return the deepest line that exists."""
    import yaml

    node, line = root, 1
    for part in loc:
        if isinstance(node, yaml.MappingNode):
            pairs = cast("list[tuple[Any, Any]]", node.value)
            found = [(key, value) for key, value in pairs if key.value == str(part)]
            if not found:
                continue
            line, node = found[0][0].start_mark.line + 1, found[0][1]
        elif isinstance(node, yaml.SequenceNode) and isinstance(part, int):
            items = cast("list[Any]", node.value)
            if part < len(items):
                node = items[part]
                line = node.start_mark.line + 1
    return line


def _with_known(model: PortModel, path: Path) -> PortModel:
    """Add the approved wordings that stand in a file of their own, one a line."""
    texts = dict(model.texts)
    for name, text in model.texts.items():
        if text.known_file:
            more = known_wordings(path.parent / text.known_file)
            texts[name] = text.model_copy(update={"known": (*text.known, *more)})
    return model.model_copy(update={"texts": texts})


def known_wordings(path: Path) -> tuple[str, ...]:
    """Return the wordings of a ``known_file``, one a line; lines that begin with # are comments.

    Raises:
        UsageError: ``port.file``: there is none.
    """
    lines = _text(path, what="file of known wordings").splitlines()
    return tuple(line.strip() for line in lines if line.strip() and not line.startswith("#"))


def _verify_keys(model: PortModel, path: Path) -> None:
    """Refuse keys nobody can give, unknown transforms and circles among joins."""
    known = {part for parts in KEYS.values() for part in parts} | set(model.joins)
    for name, bound in [*model.facts.items(), *model.joins.items()]:
        for binding in bound if isinstance(bound, tuple) else (bound,):
            pipeline(binding.as_)
            for part, key in binding.key.items():
                if part not in known:
                    raise UsageError(
                        f"{path.name}: {name}: nothing gives the key {part!r}; use one of {sorted(known)}",
                        code="port.key",
                    )
                pipeline(key.as_)
                pipeline(key.clean)
    for name, text in model.texts.items():
        for part in text.key:
            if part not in known:
                raise UsageError(f"{path.name}: {name}: nothing gives the key {part!r}", code="port.key")
    for name in model.joins:
        _refuse_circle(model, name, (), path)


def _refuse_circle(model: PortModel, name: str, seen: tuple[str, ...], path: Path) -> None:
    if name in seen:
        raise UsageError(f"{path.name}: joins {' -> '.join((*seen, name))} go in a circle", code="port.key")
    join = model.joins.get(name)
    for part in join.key if join else ():
        if part in model.joins:
            _refuse_circle(model, part, (*seen, name), path)


def policy_of(model: PolicyModel, *, current: str) -> PolicyTable:
    """Turn the file's rows into the decision table.

    Raises:
        UsageError: ``port.policy_check``, ``port.policy_outcome``, ``port.policy_verdict``,
            ``port.policy_word``.
    """
    return PolicyTable(
        rows=tuple(_row(row) for row in model.rows),
        document=model.hash,
        current=current,
        order=tuple(_verdict(word) for word in model.order),
        unknown=_verdict(model.unknown),
        unknown_reason=model.unknown_reason,
        comparisons=tuple(
            Comparison(name=name, left=c.left, right=c.right) for name, c in model.compare.items()
        ),
        approver=named(model.approver),
    )


def _row(row: RowModel) -> PolicyRow:
    return PolicyRow(
        check=row.check,
        outcome=row.outcome,
        verdict=_verdict(row.verdict),
        reason=row.reason,
        quote=row.quote,
        params=row.params,
        when=_conditions(row.when),
        exceptions=tuple(
            Twist(
                when=_conditions(twist.when),
                verdict=_verdict(twist.verdict) if twist.verdict else None,
                reason=twist.reason,
                params=twist.params,
                quote=twist.quote,
            )
            for twist in row.exceptions
        ),
    )


def _conditions(when: Mapping[str, tuple[str, ...]]) -> tuple[Condition, ...]:
    from pilothouse_port.policy import CLOCK_WORDS

    for name in when:
        if name not in CLOCK_WORDS and name not in FACTS:
            raise UsageError(
                f"policy condition {name!r} is neither a fact nor one of {CLOCK_WORDS}",
                code="port.policy_word",
            )
    return tuple(Condition(name=name, words=words) for name, words in when.items())


def _verdict(word: str) -> Verdict:
    try:
        return Verdict(word)
    except ValueError:
        raise UsageError(
            f"{word!r} is no verdict; use RELEASE, HOLD or ESCALATE", code="port.policy_verdict"
        ) from None
