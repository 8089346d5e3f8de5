"""Settings of a scenario, read off the classes that check them: key, kind, default, unit, description."""

from __future__ import annotations

import dataclasses
import re
import types
from collections.abc import Iterator
from typing import Any, Literal, Union, get_args, get_origin

from pydantic_core import PydanticUndefined

from acomodel.workbench.scenario import Scenario


@dataclasses.dataclass(frozen=True)
class Setting:
    """One key that a scenario may hold."""

    key: str
    kind: str
    default: str
    unit: str
    description: str


@dataclasses.dataclass(frozen=True)
class Part:
    """One table of a scenario: its header as TOML has it, and its keys."""

    header: str
    key: str
    about: str
    settings: tuple[Setting, ...]


def parts() -> tuple[Part, ...]:
    """Every table of a scenario, the nested ones after the one they lie in."""
    return tuple(_parts(Scenario, "", "", "What stands at the head of the file, before any table."))


def _parts(owner: Any, header: str, key: str, about: str) -> Iterator[Part]:
    fields = {name: f for name, f in owner.__pydantic_fields__.items() if name != "path"}
    own: list[Setting] = []
    below: list[tuple[str, str, Any, str]] = []
    for name, field in fields.items():
        dotted = f"{key}.{name}" if key else name
        inner = list(classes(field.annotation))
        if inner:
            listed = "list" in str(field.annotation)
            path = dotted if not header.startswith("[[") else f"{header.strip('[]')}.{name}"
            title = f"[[{path}]]" if listed else f"[{path}]"
            below += [(title, dotted, kind, _about(field, kind, len(inner) > 1)) for kind in inner]
        if not inner or _plain(field.annotation):
            own.append(_setting(dotted, field))
    yield Part(header, key, about, tuple(own))
    for title, dotted, kind, words in below:
        yield from _parts(kind, title, dotted, words)


def classes(annotation: Any) -> Iterator[Any]:
    """Settings classes inside an annotation."""
    if hasattr(annotation, "__pydantic_fields__"):
        yield annotation
        return
    for part in get_args(annotation):
        yield from classes(part)


def _plain(annotation: Any) -> bool:
    """Whether a plain value may stand there beside a table."""
    origin = get_origin(annotation)
    if origin in (Union, types.UnionType):
        return any(_plain(part) for part in get_args(annotation) if part is not type(None))
    if hasattr(origin, "__mro__") and origin in (list, dict, tuple):
        return not list(classes(annotation))
    return not hasattr(annotation, "__pydantic_fields__") and not list(classes(annotation))


def _about(field: Any, kind: Any, several: bool) -> str:
    words = _sentence(_split(field.description)[0])
    said = (kind.__doc__ or "").strip().splitlines()
    return f"{words} {said[0]}" if several and said else words


def _sentence(words: str) -> str:
    return words[:1].upper() + words[1:] + ("" if words.endswith(".") else ".")


def _split(description: str | None) -> tuple[str, str]:
    """A description and the unit that ends it."""
    found = re.fullmatch(r"(.*?)\s*\[([^\[\]]+)\]", description or "", re.S)
    return (found[1], found[2]) if found else (description or "", "")


def _setting(key: str, field: Any) -> Setting:
    words, unit = _split(field.description)
    return Setting(key, kind_of(field), _default(field), unit, _sentence(words))


def kind_of(field: Any) -> str:
    """What a setting takes, in words."""
    kind, bounds = _kind(field.annotation), _bounds(field.metadata)
    return f"{kind} {bounds}" if bounds else kind


def _default(field: Any) -> str:
    if field.default_factory is not None:
        value = field.default_factory()
    elif field.default is PydanticUndefined:
        return "required"
    else:
        value = field.default
    return _value(value)


def _value(value: Any) -> str:
    if value is None or value in ({}, [], ()):
        return "none"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return f'"{value}"'
    if isinstance(value, list | tuple):
        return f"[{', '.join(_value(v) for v in value)}]"
    if isinstance(value, dict):
        return f"{{ {', '.join(f'{k} = {_value(v)}' for k, v in value.items())} }}"
    return f"{value}"


_KINDS = {
    float: "number",
    int: "whole number",
    str: "text",
    bool: "true or false",
    type(None): "",
    Any: "any value",
}


def _kind(annotation: Any) -> str:
    """What may stand there, in words."""
    if annotation in _KINDS:
        return _KINDS[annotation]
    origin, inside = get_origin(annotation), get_args(annotation)
    if origin is Literal:
        return " or ".join(_value(choice) for choice in inside)
    if hasattr(annotation, "__metadata__"):
        bounds = _bounds(annotation.__metadata__)
        kind = _kind(inside[0])
        return f"{kind} {bounds}" if bounds else kind
    if origin in (Union, types.UnionType):
        kinds = [_kind(part) for part in inside if not list(classes(part))]
        return " or ".join(dict.fromkeys(kind for kind in kinds if kind))
    if origin in (list, tuple):
        return f"list of {_plural(_kind(inside[0]))}".replace("list of lists of", "rows of") if inside else "list"
    if origin is dict:
        return f"table of {_plural(_kind(inside[1]))}"
    return getattr(annotation, "__name__", str(annotation))


def _plural(kind: str) -> str:
    for one, many in (("list of", "lists of"), ("whole number", "whole numbers"), ("any value", "values")):
        if kind.startswith(one):
            return many + kind.removeprefix(one)
    return re.sub(r"\b(number|text)\b", r"\1s", kind)


def _bounds(metadata: Any) -> str:
    """Limits of a value, in words."""
    said = []
    for item in (part for whole in metadata for part in getattr(whole, "metadata", None) or [whole]):
        for name, words in (("gt", "above"), ("ge", "at least"), ("lt", "below"), ("le", "at most")):
            bound = getattr(item, name, None)
            if bound is not None:
                said.append(f"{words} {bound:,.10g}")
    return re.sub(r"at least (\S+) and at most (\S+)", r"from \1 to \2", " and ".join(said))
