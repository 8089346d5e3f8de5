"""A moved scenario written as a file whose `[basis]` says who changed what, when, from what and why."""

from __future__ import annotations

import datetime
import os
import re
import tomllib
from dataclasses import replace as with_fields
from pathlib import Path
from typing import Any

import tomli_w

from acomodel.inputs import InputError
from acomodel.workbench.exhibits.settings import setting_in_words
from acomodel.workbench.scenario import Scenario, load_scenario, settings, stated

NAME = r"[A-Za-z0-9][A-Za-z0-9._-]*"


def changed_settings(before: Scenario, after: Scenario) -> dict[str, tuple[Any, Any]]:
    """Settings by dotted key that differ between two scenarios, as they were and as they are."""
    old, new = settings(before), settings(after)
    keys = [key for key in dict.fromkeys([*new, *old]) if old.get(key) != new.get(key)]
    return {key: (old.get(key), new.get(key)) for key in keys}


def write_scenario(
    before: Scenario,
    after: Scenario,
    path: str | Path,
    *,
    by: str,
    why: str,
    date: str,
    title: str | None = None,
    replace: bool = False,
) -> Path:
    """
    Write a changed scenario beside the one it was made from, whole or not at all.

    Parameters
    ----------
    before : Scenario
        The scenario as its file has it.
    after : Scenario
        The scenario to write.
    path : str or Path
        Its name, or its file in the same folder.
    by, why, date : str
        Who changed it, why, and the day as YYYY-MM-DD.
    title : str, optional
        Its title; by default the old one with the new name.
    replace : bool
        Whether a file may be written over.

    Returns
    -------
    Path

    Raises
    ------
    InputError
        A name that cannot be one, another folder, a file that is there already, nobody, no reason or no date.
    """
    target = _target(before, path)
    by, why, title = _one_line(by), _one_line(why), _one_line(title or "")
    if not by or not why:
        raise InputError(f"{target.name}: not saved; {'who changed it' if not by else 'why it was changed'} is wanted.")
    try:
        datetime.date.fromisoformat(date)
    except ValueError:
        raise InputError(f"{target.name}: not saved; found the date '{date}', and YYYY-MM-DD is wanted.") from None
    if target.exists() and not replace:
        raise InputError(f"{target}: exists already; choose another name, or say that it is to be replaced.")
    if replace and target.resolve() == before.path.resolve():
        raise InputError(f"{target}: is the scenario that was opened; choose another name.")
    named = with_fields(
        after,
        name=target.stem,
        title=title or f"{before.title} ({target.stem})",
        basis=_basis(before, after, by, why, date),
    )
    head = f"# Made from {before.path.name} by {by} on {date}: {why}\n"
    for tables in (_as_stated(before, named), tomllib.loads(named.to_toml())):
        text = f"{head}\n{_lists_on_a_line(tomli_w.dumps(tables, multiline_strings=True))}"
        if _written(text, named, target, replace=replace):
            return target
    raise InputError(f"{target}: not saved; the settings do not read back as they are.")


def _target(before: Scenario, path: str | Path) -> Path:
    """File to write: beside the scenario, under a name that can be one."""
    given = Path(str(path).strip())
    target = before.folder / "new" if given.parent == Path() else given
    name = given.name.removesuffix(".toml")
    target = target.with_name(f"{name}.toml")
    if not re.fullmatch(NAME, name):
        raise InputError(f"'{given}': a name of letters, digits, dot, dash and underscore is wanted.")
    if target.parent.resolve() != before.folder.resolve():
        raise InputError(f"{target}: lies in another folder; its tables are found beside {before.path}.")
    return target


def _one_line(text: str) -> str:
    """Text on one line, without what cannot be printed."""
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())


def _basis(before: Scenario, after: Scenario, by: str, why: str, date: str) -> dict[str, str]:
    """Sources of the settings, with who changed which of them, when, from what to what and why."""
    said = dict(after.basis)
    known = settings(after)
    for key, (old, new) in changed_settings(before, after).items():
        if key not in known or key in ("name", "title"):
            continue
        earlier = f" Before that: {before.basis[key]}" if before.basis.get(key) else ""
        stop = "" if why[-1] in ".!?" else "."
        was, now = (setting_in_words(after, key, value) for value in (old, new))
        said[key] = f"{by}, {date}: {was} changed to {now}. {why}{stop}{earlier}"
    return said


def _as_stated(before: Scenario, after: Scenario) -> dict[str, Any]:
    """Tables of the file that was opened, with the changed settings in their places; defaults stay unsaid."""
    tables = stated(before.path) if before.path.is_file() else {}
    new = settings(after)
    for key, (_, value) in changed_settings(before, after).items():
        if key not in new and any(other.startswith(f"{key}.") for other in new):
            continue
        node: Any = tables
        *above, last = key.split(".")
        for step in above:
            inside = isinstance(node, list) and step.isdigit() and int(step) < len(node)
            node = node[int(step)] if inside else node.setdefault(step, {}) if isinstance(node, dict) else {}
        if not isinstance(node, dict):
            continue
        node.pop(last, None)
        if value is not None:
            node[last] = _plain(value)
    return {**{k: v for k, v in tables.items() if k != "basis"}, "basis": after.basis}


def _lists_on_a_line(text: str) -> str:
    """TOML whose short lists of numbers stand on one line."""
    return re.sub(
        r"\[\n((?:    -?[\d.e+-]+,\n)+)\]",
        lambda found: f"[{', '.join(found[1].split()).replace(',,', ',')[:-1]}]",
        text,
    )


def _plain(value: Any) -> Any:
    return [_plain(part) for part in value] if isinstance(value, list | tuple) else value


def _written(text: str, wanted: Scenario, target: Path, *, replace: bool) -> bool:
    """Put a file in its place, if it reads back as the scenario that is wanted."""
    draft = target.with_name(f".{target.stem}.{os.getpid()}.partial")
    try:
        draft.write_text(text, encoding="utf-8")
        try:
            same = load_scenario(draft) == with_fields(wanted, path=draft)
        except InputError:
            return False
        if same and replace:
            draft.replace(target)
        elif same:
            _linked(draft, target)
        return same
    finally:
        draft.unlink(missing_ok=True)


def _linked(draft: Path, target: Path) -> None:
    """Give a file its name, never over one that appeared meanwhile."""
    try:
        os.link(draft, target)
    except FileExistsError:
        raise InputError(f"{target}: exists already; choose another name, or say that it is to be replaced.") from None
    except OSError:  # a file system without links
        draft.replace(target)
