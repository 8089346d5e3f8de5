"""Faults in a scenario file in words: the key, what was found, what is wanted, the nearest valid key."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, get_args

from pydantic import ValidationError

from acomodel.inputs import nearest


def fault_in(root: Any, tables: dict[str, Any], error: ValidationError) -> str:
    """First fault in words: key, what was found, what is wanted."""
    faults = sorted(error.errors(), key=lambda f: f["type"] not in ("unexpected_keyword_argument", "extra_forbidden"))
    fault = faults[0]
    key, node = [], tables
    for step in fault["loc"]:
        if (isinstance(node, dict) and step in node) or (isinstance(node, list) and isinstance(step, int)):
            key.append(str(step))
            node = node[step]
        elif fault["type"] in ("missing", "missing_argument") and step == fault["loc"][-1]:
            key.append(str(step))
    name = ".".join(key) or "scenario"
    kind, context, found = fault["type"], fault.get("ctx", {}), fault["input"]
    alternatives = [f for f in faults if f["loc"][: len(fault["loc"]) - 1] == fault["loc"][:-1] and f is not fault]
    if kind in ("unexpected_keyword_argument", "extra_forbidden"):
        known = known_beside(root, key, tables)
        choices = f" Known there: {', '.join(known)}." if len(key) > 1 else ""
        return f"unknown key '{name}'.{nearest(key[-1], known)}{choices}"
    if kind in ("missing", "missing_argument"):
        return f"{name}: missing; {described(root, key, tables)} is wanted."
    if kind == "literal_error":
        wanted = context["expected"]
        choices = wanted.replace("'", "").replace(" or ", ", ").split(", ")
        return f"{name}: found {found!r}; {wanted} is wanted.{nearest(str(found), choices)}"
    bounds = {
        "greater_than": ("above", "gt"),
        "greater_than_equal": ("at least", "ge"),
        "less_than": ("below", "lt"),
        "less_than_equal": ("at most", "le"),
    }
    if kind in bounds:
        words, bound = bounds[kind]
        share = kind.startswith("less") and 0.1 <= context[bound] <= 1 <= found <= 100
        hint = f" A share is wanted: {found:g} percent is {found / 100:g}." if share else ""
        return f"{name}: found {found:g}; {words} {context[bound]:g} is wanted ({described(root, key, tables)}).{hint}"
    types = {
        "float_type": "a number",
        "int_type": "a whole number",
        "string_type": "text",
        "bool_type": "true or false",
    }
    if kind in types or kind in ("int_from_float", "list_type", "dataclass_type", "dict_type"):
        wanted = types.get(kind, "a whole number" if kind == "int_from_float" else "a table or list")
        also = [f["ctx"]["expected"] for f in alternatives if f["type"] == "literal_error"]
        return f"{name}: found {found!r}; {' or '.join([wanted, *also])} is wanted ({described(root, key, tables)})."
    if kind == "string_pattern_mismatch" and name != "name":
        return f"{name}: found {found!r}; {described(root, key, tables)} is wanted."
    if kind == "string_pattern_mismatch":
        return f"{name}: found {found!r}; letters, digits, dot, dash and underscore are allowed, the first no mark."
    if kind in ("too_short", "too_long"):
        count = context.get("min_length", context.get("max_length"))
        word = "at least" if kind == "too_short" else "at most"
        return f"{name}: found {found!r}; {word} {count} of them are wanted ({described(root, key, tables)})."
    if kind == "finite_number":
        return f"{name}: found {found}; a finite number is wanted ({described(root, key, tables)})."
    if kind == "value_error":
        return f"{name}: {context['error']}."
    return f"{name}: found {found!r}; {fault['msg']}."


def _fields_at(root: Any, key: list[str], tables: dict[str, Any] | None = None) -> dict[str, Any]:
    """Fields of the settings class that a key lies in; of two kinds of terms, those of the kind that is given."""
    kinds: list[Any] = [root]
    for step in key:
        if step.isdigit():
            continue
        inner: list[Any] = []
        for kind in kinds:
            fields = getattr(kind, "__pydantic_fields__", {})
            if step in fields:
                inner += list(_settings_classes(fields[step].annotation))
        given = (tables or {}).get(step)
        if step == "terms" and isinstance(given, dict):
            inner = [k for k in inner if ("program" in k.__pydantic_fields__) == ("program" in given)]
        kinds = inner
    merged: dict[str, Any] = {}
    for kind in kinds:
        merged |= getattr(kind, "__pydantic_fields__", {})
    return merged


def _settings_classes(annotation: Any) -> Iterator[Any]:
    """Settings classes inside an annotation."""
    if hasattr(annotation, "__pydantic_fields__"):
        yield annotation
    for part in get_args(annotation):
        yield from _settings_classes(part)


def known_beside(root: Any, key: list[str], tables: dict[str, Any] | None = None) -> list[str]:
    """Keys that may stand where the last step of a key stands."""
    return [name for name in _fields_at(root, key[:-1], tables) if name != "path"]


def described(root: Any, key: list[str], tables: dict[str, Any] | None = None) -> str:
    """Description of a setting, for a person."""
    names = [step for step in key if not step.isdigit()]
    field = _fields_at(root, names[:-1], tables).get(names[-1]) if names else None
    return field.description if field is not None and field.description else "a value"
