"""The documentation: built without a warning, whole, without dead links, and true where a test can say so."""

import doctest
import re
import shlex
import subprocess
import sys
import tomllib
from html.parser import HTMLParser
from pathlib import Path
from types import SimpleNamespace
from urllib.parse import unquote, urlsplit

import click
import pandas as pd
import pytest
from click.testing import CliRunner

import acomodel
from acomodel.cli import COMMANDS, main
from acomodel.workbench.faults import known_beside
from acomodel.workbench.report.chapters import CHAPTERS, page_name
from acomodel.workbench.scenario import Scenario, load_scenario, settings

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
PAGES = sorted(p for p in [*DOCS.rglob("*.md"), *DOCS.rglob("*.rst")] if "_build" not in p.parts)
SLOW = {"propose", "lab", "explore"}
"""Commands of the tutorial that are parsed and not run: they make reports or open a browser."""


class _Page(HTMLParser):
    """Anchors of a page, where it links to, what it loads, and its text."""

    def __init__(self, text):
        super().__init__()
        self.anchors, self.links, self.loads, self.words = set(), [], [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        found = dict(attrs)
        self.anchors |= {found[key] for key in ("id", "name") if found.get(key)}
        if tag == "a" and found.get("href"):
            self.links.append(found["href"])
        if found.get("src"):
            self.loads.append(found["src"])
        if tag == "link" and found.get("href") and found.get("rel") not in ("index", "search", "next", "prev"):
            self.loads.append(found["href"])

    def handle_data(self, data):
        self.words.append(data)


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """The site, built once with every warning an error, and its pages parsed."""
    out = tmp_path_factory.mktemp("site")
    options = ["-q", "-W", "--keep-going", "-b", "html", "-d", str(out / "trees")]
    built = subprocess.run(
        [sys.executable, "-m", "sphinx", *options, str(DOCS), str(out / "html")], capture_output=True, text=True
    )
    assert built.returncode == 0, built.stderr
    html = {path: path.read_text(encoding="utf-8") for path in (out / "html").rglob("*.html")}
    pages = {path: _Page(text) for path, text in html.items()}
    return SimpleNamespace(folder=out / "html", html=html, pages=pages)


def blocks(path, language):
    """Fenced blocks of a language on a page."""
    return re.findall(rf"^```{language}\n(.*?)^```", path.read_text(encoding="utf-8"), re.M | re.S)


def test_every_link_leads_somewhere(site):
    assert len(site.pages) >= 45
    dead = []
    for path, page in site.pages.items():
        for href in [*page.links, *page.loads]:
            link = urlsplit(href)
            if link.scheme in ("http", "https", "mailto"):
                continue
            target = (path.parent / unquote(link.path)).resolve() if link.path else path
            if not target.is_file():
                dead.append(f"{path.name}: {href}")
            elif link.fragment and target in site.pages and link.fragment not in site.pages[target].anchors:
                dead.append(f"{path.name}: {href}: no such place")
    assert not dead


def test_nothing_is_loaded_from_elsewhere(site):
    for path, page in site.pages.items():
        assert not [src for src in page.loads if urlsplit(src).scheme or src.startswith("//")], path
    for path in site.folder.rglob("*.css"):
        text = path.read_text(encoding="utf-8")
        assert not re.search(r"(@import|url\()\s*[\"']?(https?:)?//", text), path


def test_formulas_are_mathml(site):
    text = site.html[site.folder / "methods" / "benchmark.html"]
    assert text.count("<math") > 10
    assert not any("mathjax" in html.lower() for html in site.html.values())
    for path in (site.folder / "methods").glob("*.html"):
        assert not re.search(r"\\(frac|sum|text|math)\b", " ".join(site.pages[path].words)), path


def test_formulas_say_what_was_written(monkeypatch):
    monkeypatch.syspath_prepend(str(DOCS / "_ext"))
    from offline_math import mathml

    half = mathml(r"\tfrac12 E", block=False)
    assert re.sub(r"\s", "", half).endswith("<mfrac><mn>1</mn><mn>2</mn></mfrac><mi>E</mi></math>")
    barred = re.sub(r"\s|<mo[^>]*>.</mo>", "", mathml(r"\bar X_n", block=True))
    assert barred.endswith('<msub><moveraccent="true"><mi>X</mi></mover><mi>n</mi></msub></math>')
    assert "<mi>PMPM</mi>" in mathml(r"PMPM_0", block=True)
    assert "<mi>dm</mi>" not in mathml("d m", block=False)


def test_every_public_name_has_an_entry(site):
    anchors = set().union(*(page.anchors for path, page in site.pages.items() if path.parent.name == "reference"))
    assert not [name for name in acomodel._PUBLIC if f"acomodel.{name}" not in anchors]


def walked(kind, prefix=""):
    """Dotted keys of every setting, found in the classes and not by the code that writes the page."""
    for name, field in kind.__pydantic_fields__.items():
        if (prefix, name) == ("", "path"):
            continue
        yield f"{prefix}{name}"
        inner, waiting = [], [field.annotation]
        while waiting:
            part = waiting.pop()
            if hasattr(part, "__pydantic_fields__"):
                inner.append(part)
            else:
                waiting += getattr(part, "__args__", ())
        for owner in inner:
            yield from walked(owner, f"{prefix}{name}.")


def test_every_setting_is_on_its_page(site):
    page = site.pages[site.folder / "reference" / "settings.html"]
    keys = list(walked(Scenario))
    assert len(keys) > 180
    slugs = [re.sub(r"[^a-z0-9]+", "-", key.lower()) for key in keys]
    assert not [s for s in slugs if f"setting-{s}" not in page.anchors and f"settings-{s}" not in page.anchors]
    text = " ".join("".join(page.words).split())
    assert "Minimum savings rate, or 'size' for the Medicare table." in text
    assert "number from 0 to 1; share of savings" in text


def test_every_command_and_option_is_on_its_page(site):
    page = site.pages[site.folder / "reference" / "command-line.html"]
    text = "".join(page.words)
    for command in COMMANDS:
        assert f"command-{command.name}" in page.anchors
        for option in (o for o in command.params if isinstance(o, click.Option)):
            assert option.opts[0] in text, f"{command.name} {option.opts[0]}"


def test_every_rule_is_on_its_page(site):
    words = " ".join("".join(site.pages[site.folder / "reference" / "rules.html"].words).split())
    files = sorted((ROOT / "acomodel" / "data" / "rules").glob("*.csv"))
    assert files
    for path in files:
        assert f"rules/{path.name}" in words
        frame = pd.read_csv(path, dtype=str, keep_default_na=False)
        rows = site.html[site.folder / "reference" / "rules.html"]
        missing = [s for s in frame["source"] if " ".join(s.split()) not in words]
        assert not missing, f"{path.name}: {missing[:3]}"
        assert rows.count("<tr") > len(frame)


def test_every_table_and_column_is_on_its_page(site):
    words = set("".join(site.pages[site.folder / "reference" / "tables.html"].words).split())
    frame = pd.read_csv(ROOT / "acomodel" / "data" / "dictionary.csv", dtype=str)
    rows = frame[frame["table"] != "table"]
    assert not {*rows["table"], *rows["column"]} - words


def test_every_page_of_methods_names_source_assumption_and_function():
    pages = [path for path in (DOCS / "methods").glob("*.md") if path.stem != "index"]
    assert len(pages) == 19
    for path in pages:
        text = path.read_text(encoding="utf-8")
        for heading in ("## What is assumed", "## Sources", "## Functions"):
            assert heading in text, path
        assert "{math}" in text, path


def test_the_glossary_is_whole(site):
    terms = re.findall(r"^(\S.*)\n  \S", (DOCS / "glossary.md").read_text(encoding="utf-8"), re.M)
    assert len(terms) >= 60
    for wanted in ("PMPM", "IBNR", "Minimum savings rate", "Truncation", "Credibility", "HCC", "Corridor", "Gate"):
        assert wanted in terms


def test_what_is_verified_names_files_that_are_there():
    files = re.findall(r"<(\.\./[\w/]+\.py)>", (DOCS / "verified.md").read_text(encoding="utf-8"))
    assert len(set(files)) >= 20
    assert not [f for f in files if not (DOCS / f).resolve().is_file()]


def test_the_pages_of_a_report_are_explained():
    text = (DOCS / "how-to" / "read-a-report.md").read_text(encoding="utf-8")
    assert not [name for name in CHAPTERS if f"`{page_name(name)}`" not in text]


# TOML ----------------------------------------------------------------------------------------------------------------


def unknown_keys(node, path=()):
    """Keys of a piece of a scenario that no scenario may hold."""
    for key, value in node.items():
        here = [*path, key]
        if path and ".".join(path) in (
            "basis",
            "historical.override",
            "negotiation.equal_change",
            "negotiation.frontier",
        ):
            continue
        if key == "extends" and not path:
            continue
        given = {"terms": {"program": ""}} if "program" in node and path == ("terms",) else {"terms": {}}
        if path != ("negotiation", "contracts", "change") and key not in known_beside(Scenario, here, given):
            yield ".".join(here)
        inner = (
            [value]
            if isinstance(value, dict)
            else [v for v in value if isinstance(v, dict)]
            if isinstance(value, list)
            else []
        )
        for part in inner:
            yield from unknown_keys(part, tuple(here))


@pytest.mark.parametrize("path", PAGES, ids=lambda p: p.relative_to(DOCS).as_posix())
def test_keys_in_examples_are_settings(path):
    for block in blocks(path, "toml"):
        assert not list(unknown_keys(tomllib.loads(block))), block


def test_an_unknown_key_would_be_found():
    assert list(unknown_keys({"terms": {"sharing_rate": 0.5, "mrs": 0.02}, "tresholds": {}})) == [
        "terms.mrs",
        "tresholds",
    ]


def test_terms_in_examples_are_contracts():
    whole = [
        tomllib.loads(block)["terms"]
        for block in blocks(DOCS / "how-to" / "own-contract.md", "toml")
        if "[terms]" in block
    ]
    assert len(whole) == 6
    for stated in whole:
        if "program" in stated:
            acomodel.terms(performance_year=2009 if stated["program"] == "pgp" else 2023, **{"track": "", **stated})
        else:
            acomodel.Terms(**stated)


# commands ------------------------------------------------------------------------------------------------------------


def commands_in(block):
    """Arguments of each line of a block of commands."""
    for line in block.splitlines():
        words = shlex.split(line, comments=True)
        if words:
            assert words[0] == "acomodel", line
            yield words[1:]


@pytest.mark.parametrize("path", PAGES, ids=lambda p: p.relative_to(DOCS).as_posix())
def test_commands_are_understood(path):
    for block in blocks(path, "sh"):
        for name, *arguments in commands_in(block):
            command = main.commands.get(name)
            assert command is not None, f"no command {name}"
            command.make_context(name, list(arguments))


def edit(scenario, block):
    """Lay the lines of an example over a scenario file, as its reader would by hand."""
    text = scenario.read_text(encoding="utf-8")
    for table, keys in tomllib.loads(block).items():
        for key, value in keys.items():
            line = rf"(?ms)(^\[{table}\]\n(?:(?!^\[).)*?^\"?{key}\"? = )[^\n]*"
            stated = f'"{value}"' if isinstance(value, str) else f"{value}"
            text, times = re.subn(line, rf"\g<1>{stated}", text, count=1)
            assert times == 1, f"[{table}] {key}: not in {scenario.name}"
    scenario.write_text(text, encoding="utf-8")


PIECES = re.compile(r"^```(sh|toml|text)\n(.*?)^```", re.M | re.S)


@pytest.mark.parametrize("page", ["tutorial.md", "how-to/aco-actuary.md"])
def test_commands_print_what_the_page_shows(page, tmp_path, monkeypatch):
    (tmp_path / "scenarios").mkdir()
    for path in (ROOT / "scenarios").glob("*"):
        copy = tmp_path / "scenarios" / path.name
        if path.suffix == ".toml":
            copy.write_bytes(path.read_bytes())
        elif path.is_dir():
            copy.mkdir()
            for file in path.glob("*.csv"):
                (copy / file.name).write_bytes(file.read_bytes())
    monkeypatch.chdir(tmp_path)
    text, printed, compared = (DOCS / page).read_text(encoding="utf-8"), "", 0
    tutorial = page == "tutorial.md"
    pieces = PIECES.findall(text)
    for position, (kind, block) in enumerate(pieces):
        shown = position + 1 < len(pieces) and pieces[position + 1][0] == "text"
        if kind == "toml" and tutorial:
            edit(tmp_path / "scenarios" / "my-aco.toml", block)
        elif kind == "sh" and (tutorial or shown):
            printed = ""
            for arguments in commands_in(block):
                if arguments[0] not in SLOW and "--reports" not in arguments:
                    outcome = CliRunner().invoke(main, arguments, catch_exceptions=False)
                    assert outcome.exit_code == 0, outcome.output
                    printed += outcome.output
        elif kind == "text" and printed:
            lines = [" ".join(line.split()) for line in printed.splitlines()]
            for line in (" ".join(line.split()) for line in block.splitlines()):
                assert line in ("", "…") or line in lines, f"not printed: {line}"
            compared += 1
    assert compared >= (6 if tutorial else 1)
    if tutorial:
        mine = load_scenario("scenarios/my-aco.toml")
        assert (settings(mine)["terms.msr"], mine.basis["terms"]) == (0.01, "our first draft, November")


@pytest.mark.parametrize(
    "path", [p for p in PAGES if ">>>" in p.read_text(encoding="utf-8")], ids=lambda p: p.relative_to(DOCS).as_posix()
)
def test_examples_run(path, monkeypatch):
    monkeypatch.chdir(ROOT)
    outcome = doctest.testfile(
        str(path), module_relative=False, optionflags=doctest.NORMALIZE_WHITESPACE, encoding="utf-8"
    )
    assert outcome.attempted
    assert not outcome.failed
