"""Handles as Resolve gives them to scripts: every name seems to exist, and what is not documented is a violation.

A violation raises in the script and is kept, so that a script which swallows the error does not hide it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from tests.hosts import resolve_table as table

TABLE = table.load()
_KINDS = {"int": int, "str": str, "bool": bool, "dict": dict}


class Rules:
    """Which methods there are in a version of Resolve, and what was done against them."""

    def __init__(self, version: tuple[int, ...], dictionaries: bool = False) -> None:
        self.version = version
        self.is_new = version >= (21, 1)
        self.dictionaries = dictionaries  # answers with dictionaries counted from 1 where lists are documented
        self.closed = False
        self.violations: list[str] = []
        self.log: list[str] = []

    def signatures(self, kind: str, name: str) -> list[Any] | None:
        """Return the allowed forms of a call; None where there is no such method."""
        if name in table.FUSION.get(kind, {}):
            return [table.FUSION[kind][name]]
        for since, classes in table.ADDED.items():
            if name in classes.get(kind, {}):
                return [classes[kind][name]] if self.version >= since else None
        if self.version < table.SINCE.get((kind, name), (0,)):
            return None
        forms: list[Any] | None = TABLE["classes"].get(kind, {}).get(name)
        deprecated = table.DEPRECATED.get((kind, name))
        if forms is None or not self.is_new or deprecated is None:
            return forms
        if deprecated < 0:
            return None
        return [form[: max(0, deprecated - 1)] if len(form) == deprecated else form for form in forms]

    def breaks(self, what: str) -> None:
        self.violations.append(what)

    def refuse(self, what: str) -> None:
        """Keep a violation and raise it."""
        self.breaks(what)
        raise TypeError(what)


class Handle:
    """What a script holds of a model object."""

    def __init__(self, model: Any, rules: Rules) -> None:
        self.__dict__.update(_model=model, _rules=rules)

    def __dir__(self) -> list[str]:
        return sorted(TABLE["classes"].get(self._model.KIND, {}))

    def __eq__(self, other: object) -> bool:
        self._rules.breaks(f"{self._model.KIND} objects cannot be compared; compare GetUniqueId()")
        return False

    __hash__ = None  # type: ignore[assignment]

    def __setattr__(self, name: str, value: object) -> None:
        self._rules.refuse(f"{self._model.KIND}.{name} cannot be set")

    def __getattr__(self, name: str) -> Callable[..., Any]:
        model, rules = self._model, self._rules
        if name.startswith("__"):
            raise AttributeError(name)
        forms = rules.signatures(model.KIND, name)

        def call(*arguments: Any, **keywords: Any) -> Any:
            where = f"{model.KIND}.{name}"
            if rules.closed:
                rules.refuse(f"{where} called after Resolve was closed")
            if forms is None:  # Resolve makes up a callable that does nothing
                rules.breaks(f"{where} does not exist in Resolve {'.'.join(map(str, rules.version))}")
                return None
            if keywords:
                rules.refuse(f"{where} takes no keywords, got {sorted(keywords)}")
            why = [_mismatch(form, arguments, rules) for form in forms]
            if all(why):
                rules.refuse(f"{where}: {'; or '.join(dict.fromkeys(filter(None, why)))}")
            method = getattr(model, name, None)
            if method is None:
                rules.refuse(f"{where} is not modelled; model it if a script needs it")
            rules.log.append(where)
            can_be_nil = name.startswith("Get") and (model.KIND == "TimelineItem" or name == "GetItemListInTrack")
            if can_be_nil and model.world.is_nil():
                return None
            return wrap(method(*map(_unwrap, arguments)), rules)

        return call


def wrap(value: Any, rules: Rules) -> Any:
    """Return a value of the model as a script gets it."""
    if isinstance(value, list):
        inside = [wrap(item, rules) for item in value]
        return {float(index): item for index, item in enumerate(inside, 1)} if rules.dictionaries else inside
    if isinstance(value, dict):
        return {key: wrap(item, rules) for key, item in value.items()}
    return Handle(value, rules) if hasattr(value, "KIND") else value


def _unwrap(value: Any) -> Any:
    if isinstance(value, Handle):
        return value._model
    if isinstance(value, list):
        return [_unwrap(item) for item in value]
    return {key: _unwrap(item) for key, item in value.items()} if isinstance(value, dict) else value


def _mismatch(form: list[Any], arguments: tuple[Any, ...], rules: Rules) -> str | None:
    """Return what is wrong with arguments, None if nothing."""
    names = [name for name, _, _ in form if not name.startswith("*")]
    least = sum(required for _, _, required in form)
    if not least <= len(arguments) <= len(names):
        return f"takes ({', '.join(names)}), at least {least}; got {len(arguments)}"
    for (name, kind, _), value in zip(form, arguments, strict=False):
        if not _fits(kind, value, rules):
            return f"{name} must be {kind}, got {value!r}"
    return None


def _fits(kind: str, value: Any, rules: Rules) -> bool:
    if kind.startswith("["):
        return isinstance(value, list) and all(_fits(kind[1:-1], item, rules) for item in value)
    if kind in TABLE["dicts"]:
        return isinstance(value, dict) and _fits_dict(kind, TABLE["dicts"][kind], value, rules)
    if kind == "int":
        return isinstance(value, int) and not isinstance(value, bool)
    if kind == "float":
        return isinstance(value, int | float) and not isinstance(value, bool)
    if kind in _KINDS:
        return isinstance(value, _KINDS[kind])
    if re.fullmatch("dict.*", kind):
        return isinstance(value, dict)
    if kind in TABLE["classes"] or kind in table.FUSION:
        return isinstance(value, Handle) and kind == value._model.KIND
    return True


def _fits_dict(kind: str, fields: Mapping[str, str], value: Mapping[str, Any], rules: Rules) -> bool:
    if kind == "ImportClipInfo" and not rules.is_new and set(value) != set(fields):
        return False  # up to 21.0 the form is for image sequences
    return all(key in fields and _fits(fields[key], item, rules) for key, item in value.items())
