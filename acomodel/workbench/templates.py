"""New scenarios from the ones that are there: comments kept, tables copied, the name replaced."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

from acomodel.inputs import InputError, nearest, read_text
from acomodel.workbench.scenario import load_scenario
from acomodel.workbench.tables import table_files


def new_scenario(name: str, template: str, folder: Path) -> Path:
    """
    Write a scenario to fill in.

    Parameters
    ----------
    name : str
        Name of the new scenario: letters, digits, dot, dash and underscore.
    template : str
        Name of a scenario in the folder, or the path of one.
    folder : Path
        Folder of scenarios.

    Returns
    -------
    Path
        The new file; the template's tables are copied into a folder of the new name beside it. Its title,
        its report texts and the sources in `basis` are left for you to fill in, and small cells are not shown; `check`
        names what is open.

    Raises
    ------
    InputError
        A name that cannot be one, that is taken, or a template that is not there.
    """
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]*", name):
        raise InputError(f"'{name}': a name of letters, digits, dot, dash and underscore is wanted.")
    places = [folder, Path(__file__).parents[2] / "scenarios"]
    named = [Path(template)] if template.endswith(".toml") else [place / f"{template}.toml" for place in places]
    source = next((path for path in named if path.is_file()), named[0])
    if not source.is_file():
        known = sorted({path.stem for place in places for path in place.glob("*.toml")})
        raise InputError(f"{source}: no such template; known are {', '.join(known)}.{nearest(template, known)}")
    target, tables = folder / f"{name}.toml", folder / name
    for path in (target, tables):
        if path.exists():
            raise InputError(f"{path}: exists already; choose another name.")
    scenario = load_scenario(source)
    text = re.sub(r'(?m)^name\s*=\s*".*"', f'name = "{name}"', read_text(source), count=1)
    text = re.sub(r'(?m)^title\s*=\s*".*"', f'title = "{name}"', text, count=1)
    text = re.sub(r'(?m)^(client|purpose|intended_users|information_date|limits)\s*=\s*".*"', r'\1 = ""', text)
    text = re.sub(r"(?m)^show_small_cells\s*=.*\n", "", text)
    head, basis, sources = text.partition("[basis]")
    text = head + basis + re.sub(r'(?m)^("[^"]+"\s*=\s*)".*"', r'\1""', sources)
    for file in table_files(scenario).values():
        tables.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(scenario.folder / file, tables / Path(file).name)
        text = text.replace(f'"{file}"', f'"{name}/{Path(file).name}"')
    folder.mkdir(parents=True, exist_ok=True)
    target.write_text(text, encoding="utf-8")
    return target
