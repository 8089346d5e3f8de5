"""The proposal as pages and as PDF: the figures of its exhibits, whatever the names in it, for every reader."""

import ast
import base64
import io
import re
import shutil
from dataclasses import replace
from html.parser import HTMLParser
from itertools import pairwise

import pandas as pd
import pytest
from conftest import ROOT, SCENARIOS
from matplotlib.figure import Figure
from nbformat.v4 import new_code_cell, new_markdown_cell, new_output
from pypdf import PdfReader

from acomodel import Terms, load_scenario, run, settle
from acomodel.exhibit import STRUCTURE, Exhibit, Note
from acomodel.inputs import InputError
from acomodel.workbench import exhibits
from acomodel.workbench.model import kept
from acomodel.workbench.plots.drawing import Picture
from acomodel.workbench.report import layout
from acomodel.workbench.report.cover import Cover, cover_of
from acomodel.workbench.report.document import Drawing, Heading, Image, Plain, Words, document_of, read_document
from acomodel.workbench.report.execution import execute
from acomodel.workbench.report.frames import Table, table_of_html
from acomodel.workbench.report.pages import body_of, render_page, write_pages
from acomodel.workbench.report.pdf import pdf_of, write_pdf

PROPOSAL = "10-proposal"
HOSTILE = {
    "title": 'Offer <script>alert(1)</script> #panic("x") *b* _i_ $x$ @ref <label> \\u{41} // end',
    "client": '=HYPERLINK("http://x","y")',
    "actuary": 'שלום O\'Neil & "Sons" \U0001f642 保険',
    "purpose": "https://evil.example/" + "w" * 300,
    "source": '#link("http://x")[y] <img src=x onerror=alert(1)> ' + "v" * 90,
}


def quoted(text):
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


@pytest.fixture(scope="module")
def stage(tmp_path_factory):
    """A report folder in the making: a proposal whose names try to become markup, links and formulas."""
    base = tmp_path_factory.mktemp("documents")
    shutil.copytree(SCENARIOS / "toolkit-2010", base / "toolkit-2010")
    text = (SCENARIOS / "toolkit-2010.toml").read_text(encoding="utf-8")
    for key in ("title", "client", "purpose"):
        text = re.sub(rf"(?m)^{key} = .*$", lambda _, key=key: f"{key} = {quoted(HOSTILE[key])}", text, count=1)
    text = text.replace("[report]", f'[report]\nactuary = {quoted(HOSTILE["actuary"])}\ndate = "2025-03-14"', 1)
    text = text.replace('"ACO Toolkit, exhibit 3.10"', quoted(HOSTILE["source"]))
    (base / "scenario.toml").write_text(text, encoding="utf-8")
    return base


@pytest.fixture(scope="module")
def made(stage):
    """Run and document of the proposal, with its pages and PDF in the folder."""
    result = run(load_scenario(stage / "scenario.toml"))
    notebook = stage / "notebooks" / f"{PROPOSAL}.ipynb"
    with kept(result):
        execute(ROOT / "notebooks" / f"{PROPOSAL}.ipynb", stage / "scenario.toml", notebook)
    write_pdf(notebook, result, stage / "proposal.pdf")
    write_pages(stage, result, {PROPOSAL: "Proposal"})
    return result, read_document(notebook)


@pytest.fixture(scope="module")
def printed(stage, made):
    """The PDF, and the text of each of its pages."""
    return opened(stage / "proposal.pdf")


def opened(source):
    """A PDF and the text of its pages, none of whose lines in sans serif reaches into the margin."""
    reader, beyond = PdfReader(source), []

    def visit(text, cm, tm, font, size):
        if font and "DejaVuSans" in font["/BaseFont"]:
            start, scale = tm[4] * cm[0] + cm[4], size * abs(cm[0] * tm[0])
            for line in text.split("\n"):
                end = start + layout.width_of(line.strip(), bold="Bold" in font["/BaseFont"]) * scale
                if end > right:
                    beyond.append((line, end))

    texts = []
    for page in reader.pages:
        right = (
            max(page.mediabox.width, page.mediabox.height * bool(page.rotation)) - layout.MARGIN + 4
        )  # kerning aside
        texts.append(page.extract_text(visitor_text=visit))
    assert not beyond
    return reader, texts


class Page(HTMLParser):
    """What a page holds: tags with their attributes, headings, tables cell by cell, text."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.headings, self.tables, self.words, self.open = [], [], [], [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in ("meta", "br", "wbr", "img", "path", "use"):
            self.open.append(tag)
        if re.fullmatch(r"h\d", tag):
            self.headings.append([int(tag[1]), ""])
        elif tag == "table":
            self.tables.append({"caption": "", "rows": []})
        elif tag == "tr":
            self.tables[-1]["rows"].append([])
        elif tag in ("th", "td"):
            self.tables[-1]["rows"][-1].append("")

    def handle_endtag(self, tag):
        while self.open and self.open.pop() != tag:
            pass

    def handle_data(self, data):
        self.words.append(data)
        if "caption" in self.open:
            self.tables[-1]["caption"] += data
        elif "th" in self.open or "td" in self.open:
            self.tables[-1]["rows"][-1][-1] += data
        elif self.open and re.fullmatch(r"h\d", self.open[-1]):
            self.headings[-1][1] += data

    def all(self, *names):
        return [attrs for tag, attrs in self.tags if tag in names]


@pytest.fixture(scope="module")
def pages(stage, made):
    return {name: (stage / f"{name}.html").read_text(encoding="utf-8") for name in ("index", "proposal")}


def solid(text):
    """Text without white space and without the places where a long word may break."""
    return re.sub(r"[\s\u200b\u00ad]+", "", text)


def lines(table):
    """Rows of a table with their labels."""
    labels = table.labels or [None] * len(table.rows)
    return [[*([label] if label is not None else []), *row] for label, row in zip(labels, table.rows, strict=True)]


def test_the_document_holds_what_the_exhibits_show(made):
    """Every table of the notebook, made again from its own line of code, cell by cell."""
    result, document = made
    notebook = (ROOT / "notebooks" / f"{PROPOSAL}.ipynb").read_text(encoding="utf-8")
    calls = re.findall(r"exhibits\.\w+\.\w+\(run[^)]*\)", notebook)
    assert len(calls) > 20 and all(isinstance(ast.parse(call, mode="eval").body, ast.Call) for call in calls)
    again = [eval(call, {"exhibits": exhibits, "run": result}) for call in calls]
    tables = [shown for shown in again if isinstance(shown, Exhibit)]
    found = document.tables()
    assert [table.title for table in found] == [table.title for table in tables]
    assert len(found) > 15
    for table, exhibit in zip(found, tables, strict=True):
        shown = exhibit.shown()
        assert list(table.columns) == list(shown.columns)
        assert [list(row) for row in table.rows] == shown.to_numpy().tolist()
        assert list(table.labels) == list(shown.index)
        assert table.note == exhibit.note
    notes = [block for block in document.blocks if isinstance(block, Words)]
    assert [note.text for note in notes] == [shown.text for shown in again if isinstance(shown, Note)]


def test_the_page_holds_every_table_cell_by_cell(made, pages):
    _, document = made
    found = Page(pages["proposal"]).tables
    assert [table["caption"] for table in found] == [table.title for table in document.tables()]
    for shown, table in zip(found, document.tables(), strict=True):
        corner = [] if table.corner is None else [table.corner]
        assert shown["rows"] == [[*corner, *table.columns], *lines(table)]


def test_the_pdf_holds_every_table_row_by_row(made, printed):
    """Rows as they stand, in the order of their cells; heads cell by cell, for they wrap side by side."""
    _, document = made
    text = solid("".join(printed[1]))
    rows = 0
    for table in document.tables():
        for row in lines(table):
            if not re.search(r"[^\u0000-\u2fff]|[\u0590-\u06ff]", "".join(row)):
                assert solid("".join(row)) in text, (table.title, row)
                rows += 1
        for words in (table.title, *table.columns):
            assert all(solid(word) in text for word in words.split()), (table.title, words)
        assert solid(table.note) in text, table.title
    assert rows > 150


def test_the_pdf_and_the_page_hold_the_same_words(made, printed, pages):
    _, document = made
    text, page = solid("".join(printed[1])), solid("".join(Page(pages["proposal"]).words))
    for block in document.blocks:
        if isinstance(block, Words):
            for words in (block.text, *block.points):
                assert solid(words) in text and solid(words) in page, words
        elif isinstance(block, Drawing):
            assert solid(block.words) in text and solid(block.words) in page
    assert sum(isinstance(block, Drawing) for block in document.blocks) == 10


def test_chapters_are_numbered_without_a_gap(made):
    _, document = made
    numbers = [int(found.text.split(".")[0]) for found in document.headings()]
    assert numbers == list(range(1, len(numbers) + 1)) and len(numbers) >= 10


def test_contents_lead_to_their_chapters(made, printed, pages):
    """On the page by anchors; in the PDF by bookmarks, links and printed page numbers."""
    _, document = made
    chapters = [found.text for found in document.headings()]
    page = Page(pages["proposal"])
    ids = [attrs["id"] for _, attrs in page.tags if "id" in attrs]
    assert len(ids) == len(set(ids))
    links = [attrs["href"][1:] for attrs in page.all("a") if attrs["href"].startswith("#")]
    assert links == ["main", *2 * [found.anchor for found in document.headings()]]
    assert set(links) <= set(ids)
    reader, texts = printed
    marks = {str(mark.title): reader.get_destination_page_number(mark) for mark in reader.outline}
    assert list(marks) == chapters
    for chapter, number in marks.items():
        assert solid(chapter) in solid(texts[number]), chapter
        assert re.search(rf"{re.escape(solid(chapter))}\.*{number + 1}", solid(texts[1])), chapter
    for number, text in enumerate(texts[1:], 2):
        assert f"Page {number} of {len(texts)}" in text


def test_nothing_in_a_name_becomes_markup_or_a_link(stage, made, printed, pages):
    for name, text in pages.items():
        page = Page(text)
        assert not page.all("script", "iframe", "object", "embed", "link", "form"), name
        assert not [attrs for _, attrs in page.tags for key in attrs if key.startswith("on")], name
        assert not [a for a in page.all("img") if not a["src"].startswith("data:")], name
        assert all(not re.match(r"\w+:", attrs["href"]) for attrs in page.all("a")), name
        assert HOSTILE["title"] in "".join(page.words), name
    assert HOSTILE["source"] in "".join(Page(pages["proposal"]).words)
    reader, texts = printed
    whole = solid("".join(texts))
    assert "\u200b" not in "".join(texts)
    for key in ("title", "client", "purpose", "source"):
        assert solid(HOSTILE[key]) in whole, key
    for word in ("O'Neil", "Sons", "保", "\U0001f642"):
        assert word in whole, word
    for page in reader.pages:
        for annotation in page.get("/Annots", []):
            assert "/A" not in annotation.get_object() and annotation.get_object()["/Subtype"] == "/Link"
    raw = (stage / "proposal.pdf").read_bytes()
    assert b"/JavaScript" not in raw and b"/URI" not in raw and b"/Launch" not in raw


def test_the_pdf_is_accessible_and_needs_no_font_of_the_machine(printed):
    reader, _ = printed
    root = reader.trailer["/Root"]
    assert root["/MarkInfo"]["/Marked"] and root["/Lang"].startswith("en") and root["/ViewerPreferences"]
    said = root["/Metadata"].get_object().get_data().decode()
    assert re.search(r"pdfuaid:part>\s*1", said) and re.search(r"pdfaid:part>\s*2", said)
    assert reader.metadata.title == HOSTILE["title"]
    assert reader.metadata.creation_date.date().isoformat() == "2025-03-14"
    fonts = {
        str(font.get_object()["/BaseFont"]).split("+")[-1]
        for page in reader.pages
        for font in page["/Resources"].get("/Font", {}).values()
    }
    assert {name.split("-")[0] for name in fonts} == {"LibertinusSerif", "DejaVuSans", "LastResortHE"}
    alts, todo, tags = [], [root["/StructTreeRoot"]], []
    while todo:
        node = todo.pop().get_object()
        if isinstance(node, dict):
            tags.append(node.get("/S"))
            if node.get("/S") == "/Figure":
                alts.append(node.get("/Alt"))
            kids = node.get("/K", [])
            todo += kids if isinstance(kids, list) else [kids]
    assert len(alts) == 10 and all(alts)
    assert tags.count("/Table") >= 15 and "/TH" in tags and "/H1" in tags


def test_pages_are_accessible(pages):
    for name, text in pages.items():
        page = Page(text)
        assert page.tags[0] == ("html", {"lang": "en"}), name
        levels = [level for level, _ in page.headings]
        assert levels.count(1) == 1 and levels[0] == 1
        assert all(after <= before + 1 for before, after in pairwise(levels)), name
        assert all(text.strip() for _, text in page.headings)
        assert all(attrs.get("scope") in ("col", "row") for attrs in page.all("th"))
        assert len(page.all("caption")) == len(page.all("table")) > 0
        assert len(page.all("main")) == 1 and page.all("a")[0]["href"] == "#main"
        for tag, attrs in page.tags:
            if attrs.get("role") in ("img", "region", "group"):
                assert attrs["aria-label"].strip(), (name, tag)
            if "scroll" in attrs.get("class", "").split():
                assert attrs["tabindex"] == "0"
        assert len(page.all("svg")) == sum(attrs.get("role") == "img" for _, attrs in page.tags)
        policy = next(a["content"] for a in page.all("meta") if a.get("http-equiv") == "Content-Security-Policy")
        assert "default-src 'none'" in policy and "script-src" not in policy
        assert not [a for _, a in page.tags for key in ("src", "href", "data", "xlink:href") if "//" in a.get(key, "")]


def test_colours_of_words_stand_out(pages):
    """WCAG AA: 4.5 to 1 for every colour of words on every ground they stand on."""
    style = re.search(r"<style>(.*?)</style>", pages["proposal"], re.S)[1]
    colours = dict(re.findall(r"--([a-z]+): (#[0-9a-f]{6});", style))
    words = set(re.findall(r"[^-]color: var\(--([a-z]+)\)", style))
    grounds = set(re.findall(r"background: var\(--([a-z]+)\)", style)) | {"paper"}
    assert words == {"ink", "soft", "accent"} and grounds == {"paper", "wash"}
    assert not re.findall(r"[^-]color: (?!var|inherit)", style)
    for word in words:
        for ground in grounds:
            assert contrast(colours[word], colours[ground]) >= 4.5, (word, ground)
    template = (ROOT / "acomodel" / "data" / "report" / "proposal.typ").read_text(encoding="utf-8")
    for name in ("ink", "soft", "accent", "wash"):
        assert f'#let {name} = rgb("{colours[name]}")' in template


def contrast(one, other):
    def light(colour):
        parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
        linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    bright, dark = sorted((light(one), light(other)), reverse=True)
    return (bright + 0.05) / (dark + 0.05)


def test_the_index_says_the_result_first_and_names_the_files(made, pages):
    result, _ = made
    page = Page(pages["index"])
    text = "".join(page.words)
    assert [words for _, words in page.headings][1:] == ["Result", "Parts", "Files", "About this report"]
    assert text.index("The contract pays nothing for 2010") < text.index("Parts")
    links = [attrs["href"] for attrs in page.all("a")]
    assert "proposal.pdf" in links and "notebooks/" in links and "workbook.xlsx" not in links
    assert "$24,675,374" in text and "$402.01 PMPM" in text
    assert cover_of(result, "Proposal").figures[3] == ("Payment to the ACO", "$0", "")


def test_the_same_input_gives_the_same_bytes(stage, made):
    again = stage / "again.pdf"
    write_pdf(stage / "notebooks" / f"{PROPOSAL}.ipynb", made[0], again)
    assert again.read_bytes() == (stage / "proposal.pdf").read_bytes()
    again.unlink()


# ---- composed by hand

BARE = Cover("Report", "", "", "", "", "", "Nothing is owed.", (("Payment", "$0", ""),), (), "")


def notebook(*cells):
    return document_of(cells)


def output(shown):
    return new_output("execute_result", data=shown._repr_mimebundle_(), execution_count=1)


def code(*outputs):
    return new_code_cell("1", outputs=list(outputs), execution_count=1)


def pdf_text(document, cover=BARE):
    return opened(io.BytesIO(pdf_of(document, cover)))


def test_a_cover_without_client_and_date_is_whole():
    """No empty lines, no words such as None; without a date of its own the PDF holds none."""
    document = notebook(new_markdown_cell("# Report\n\n## 1. One\n\nWords."))
    reader, texts = pdf_text(document)
    assert reader.metadata.get("/CreationDate") is None
    assert "None" not in texts[0] and "Date" not in texts[0] and "Prepared" not in texts[0]
    assert [line.strip() for line in texts[0].splitlines() if line.strip()][:3] == [
        "Report",
        "Report",
        "Nothing is owed.",
    ]
    full = replace(BARE, client="A client", date="March 2025", facts=(("Date", "March 2025"),))
    assert "March 2025" in pdf_text(document, full)[1][0]
    page = render_page("Report", body_of(document), title="")
    assert Page(page).headings[0] == [1, "Report"] and "<p></p>" not in page


def test_results_hand_over_their_structure():
    shown = Exhibit("T", pd.DataFrame({"A": [0.5]}, index=["Total"]), {"A": "%"}, "n")._repr_mimebundle_()
    assert set(shown) == {"text/plain", "text/html", STRUCTURE}
    assert shown[STRUCTURE] == {
        "kind": "table",
        "title": "T",
        "corner": "",
        "columns": ["A"],
        "text": [False],
        "labels": ["Total"],
        "rows": [["50.0%"]],
        "totals": [0],
        "note": "n",
    }
    assert "<svg" not in str(Picture("<svg></svg>", "w")._repr_mimebundle_()[STRUCTURE])
    assert Note("a", ["b"])._repr_mimebundle_()[STRUCTURE]["points"] == ["b"]


def test_every_text_of_a_table_is_escaped():
    bad = "<script>alert(1)</script>'\"&"
    shown = Exhibit(bad, pd.DataFrame({bad: [bad]}, index=pd.Index([bad], name=bad)), note=bad)
    page = Page(shown._repr_html_() + Note(bad, [bad])._repr_html_() + Picture("", bad)._repr_html_())
    assert not page.all("script") and "".join(page.words).count(bad) == 9
    assert {attrs["aria-label"] for _, attrs in page.tags if "aria-label" in attrs} == {bad, "Chart"}


def test_dollars_are_not_taken_for_formulas_in_a_notebook():
    """JupyterLab typesets what stands between two dollar signs, but not within this class (see the browser tests)."""
    shown = Exhibit("$1", pd.DataFrame({"a": ["$5 ± $1"]})), Note("$1 to $2", ["$3 to $4"]), Picture("", "$1 to $2")
    for result in (*shown, settle([100.0] * 5, [90.0] * 5, Terms(sharing_rate=0.5, msr=0.02))):
        page = Page(result._repr_mimebundle_()["text/html"])
        roots = [attrs for tag, attrs in page.tags if tag in ("figure", "ul", "p") and attrs.get("class") != "note"]
        assert roots and all("mathjax_ignore" in attrs["class"].split() for attrs in roots)


def test_figures_with_an_error_stand_to_the_right():
    table = pd.DataFrame({"A": ["$5 ± $1", "always"], "B": ["a word", "1"]})
    assert Exhibit("", table).structure()["text"] == [False, True]


def test_sections_with_nothing_to_show_are_left_out():
    document = notebook(
        new_markdown_cell("# T\n\nlead"),
        new_markdown_cell("## 1. Empty\n\nwords"),
        code(),
        new_markdown_cell("## 2. Prose alone\n\nwords"),
        new_markdown_cell("## 3. Part empty"),
        code(output(Note("shown"))),
        new_markdown_cell("### Gone"),
        code(new_output("stream", name="stderr", text="a warning")),
        new_markdown_cell("### Kept for what it holds"),
        code(),
        new_markdown_cell("#### Deep"),
        code(output(Note("deep"))),
    )
    assert [(found.level, found.text) for found in document.headings()] == [
        (2, "1. Prose alone"),
        (2, "2. Part empty"),
        (3, "Kept for what it holds"),
        (4, "Deep"),
    ]
    assert "warning" not in body_of(document)


def test_what_a_user_adds_is_shown_and_harmless():
    """Markdown of all kinds, a DataFrame, printed text, a picture; HTML and scripts of others are not taken over."""
    frame = pd.DataFrame({"PMPM": [1.5, 2.5], "Kind": ["a<b", "c"]}, index=pd.Index(["x", "Total"], name="Year"))
    buffer = io.BytesIO()
    Figure(figsize=(1, 1)).savefig(buffer, format="png")
    png = base64.b64encode(buffer.getvalue()).decode()
    words = (
        "# T\n\nA *b* **c** `d<e>` [f](https://example.org) [g](javascript:alert) <b onclick='x'>h</b>\n\n"
        "- one\n  1. two\n\n> said\n\n```\ncode <script>\n```\n\n|p|q|\n|-|-:|\n|1|2|\n\n![r](attachment:s.png)"
    )
    document = notebook(
        new_markdown_cell(words, attachments={"s.png": {"image/png": png}}),
        code(
            new_output("stream", name="stdout", text="\x1b[31mred\x1b[0m <i>"),
            new_output("display_data", data={"text/plain": "df", "text/html": frame.to_html()}),
            new_output("display_data", data={"text/plain": "<Figure>", "image/png": png}),
            new_output("display_data", data={"text/plain": "its words", "text/html": "<script>alert(1)</script>"}),
        ),
    )
    table = document.tables()[1]
    assert (table.corner, table.columns, table.text) == ("Year", ("PMPM", "Kind"), (False, True))
    assert (table.labels, table.rows, table.totals) == (("x", "Total"), (("1.5", "a<b"), ("2.5", "c")), (1,))
    assert sum(isinstance(block, Image) for block in document.blocks) == 2
    page = Page(render_page("T", body_of(document), title="t"))
    assert not page.all("script", "b", "i")
    links = [attrs["href"] for attrs in page.all("a")]
    assert links == ["#main", "https://example.org"]
    assert all(attrs["alt"] for attrs in page.all("img"))
    reader, texts = pdf_text(document)
    both = solid("".join(texts)), solid("".join(page.words))
    for word in ("d<e>", "red<i>", "code<script>", "itswords", "said", "two", "a<b"):
        assert all(word in text for text in both), word
    uris = [a.get_object()["/A"]["/URI"] for p in reader.pages for a in p.get("/Annots", []) if "/A" in a.get_object()]
    assert uris == ["https://example.org"]


def test_a_picture_that_cannot_be_set_is_an_input_error():
    bad = new_output("display_data", data={"text/plain": "", "image/png": "AAAA"})
    with pytest.raises(InputError, match="the PDF cannot be set"):
        pdf_of(notebook(new_markdown_cell("# T"), code(bad)), BARE)


def wide(columns, rows=3, cell="$1,234,567.89"):
    names = tuple(f"Column {at}" for at in range(columns))
    row = (cell,) * columns
    return Table(
        "Wide", "Label", names, (False,) * columns, tuple(f"row {at}" for at in range(rows)), (row,) * rows, (), ""
    )


@pytest.mark.parametrize(
    ("columns", "size", "turned"), [(4, 7.5, False), (8, 6.5, False), (9, 7.5, True), (11, 6.5, True)]
)
def test_tables_fit_their_page(columns, size, turned):
    """Turned and smaller only where need be, and never wider than the page."""
    fit = layout.fit(wide(columns))
    assert (fit.size, fit.landscape) == (size, turned)
    assert sum(fit.widths) <= (layout.PAGE_HIGH if turned else layout.PAGE) - 2 * layout.MARGIN + 0.1
    assert [part.columns for part in layout.panels(wide(columns))] == [wide(columns).columns]


def test_tables_too_wide_for_any_page_are_set_in_parts():
    table = replace(wide(30), note="end")
    parts = layout.panels(table)
    assert sum((part.columns for part in parts), ()) == table.columns
    assert tuple(sum((part.rows[1] for part in parts), ())) == table.rows[1]
    assert all(part.labels == table.labels for part in parts)
    assert [part.title for part in parts][:2] == ["Wide (part 1 of 4)", "Wide (part 2 of 4)"]
    assert [part.note for part in parts] == ["", "", "", "end"]
    for part in parts:
        fit = layout.fit(part)
        need = layout.width_of("$1,234,567.89") * fit.size + 2 * fit.pad
        assert min(fit.widths[1:]) >= need and not fit.landscape
    alone = Table("", None, ("x",), (False,), (), (("9" * 400,),), (), "")
    assert layout.panels(alone) == [alone] and sum(layout.fit(alone).widths) <= layout.PAGE_HIGH


def test_figures_are_not_broken_and_words_wrap():
    table = wide(3)
    long = replace(
        table,
        columns=(*table.columns[:2], "How"),
        text=(False, False, True),
        rows=((*table.rows[0][:2], "word " * 60),) * 3,
    )
    fit = layout.fit(long)
    need = layout.width_of("$1,234,567.89") * fit.size
    assert fit.widths[1] - 2 * fit.pad >= need and fit.widths[3] > 200
    assert sum(fit.widths) <= layout.PAGE - 2 * layout.MARGIN + 0.1


def test_long_tables_break_and_repeat_their_head_and_wide_ones_turn_the_page():
    table = Exhibit("Long", pd.DataFrame({"Figure": range(120)}, index=[f"row {at}" for at in range(120)]), note="end")
    broad = pd.DataFrame({f"Column {at}": ["$1,234,567.89"] for at in range(9)}, index=["x"])
    cells = [new_markdown_cell("# T\n\n## One"), code(output(table)), code(output(Exhibit("Broad", broad)))]
    vast = pd.DataFrame({f"Column {at}": [f"${at},234,567.89"] for at in range(30)}, index=["x"])
    cells.append(code(output(Exhibit("Vast", vast))))
    reader, texts = pdf_text(notebook(*cells, new_markdown_cell("## Two\n\nafter")))
    assert all(f"${at},234,567.89" in "".join(texts) for at in range(30)) and "Vast (part 5 of 5)" in "".join(texts)
    with_head = [text for text in texts[2:] if "Figure" in text and "row" in text]
    assert len(with_head) >= 3
    assert sum(f"row {at} " in "".join(with_head) or f"row {at}\n" in "".join(with_head) for at in range(120)) == 120
    turned = [page.mediabox.width > page.mediabox.height or page.rotation for page in reader.pages]
    assert sum(map(bool, turned)) == 1 and "Broad" in texts[turned.index(True)]


def test_no_heading_stands_alone_at_the_foot_of_a_page():
    """A chapter that begins ever lower on its page moves on together with the first rows of its table."""
    table = code(output(Exhibit("Tied", pd.DataFrame({"A": range(24)}, index=[f"r{at}" for at in range(24)]))))
    stands = set()
    for filling in range(16, 32):
        words = "\n\n".join(["filling"] * filling)
        lead = new_markdown_cell("## Second\n\nlead")
        reader = PdfReader(
            io.BytesIO(pdf_of(notebook(new_markdown_cell(f"# T\n\n## First\n\n{words}"), lead, table), BARE))
        )
        texts, places = [], {}

        def visit(text, cm, tm, *_, places=places):
            places[text.strip()] = tm[5] * cm[3] + cm[5]

        while not (texts and re.search(r"^Second$", texts[-1], re.M)):
            texts.append(reader.pages[2 + len(texts)].extract_text(visitor_text=visit))
        assert "Tied" in texts[-1] and "r3" in texts[-1], filling
        assert places["Second"] - places["Tied"] < 70, filling
        stands.add(len(texts))
    assert stands == {1, 2}


def test_only_notebooks_are_read(tmp_path):
    path = tmp_path / "n.ipynb"
    with pytest.raises(InputError, match="cannot be read"):
        read_document(path)
    path.write_text("{}", encoding="utf-8")
    with pytest.raises(InputError, match="not a notebook"):
        read_document(path)


def test_tables_of_others_are_read_only_where_they_are_plain():
    assert table_of_html("<p>no table</p>") is None
    assert table_of_html("<table><tr><th colspan=2>a</th></tr><tr><td>1</td><td>2</td></tr></table>") is None
    assert table_of_html("<table><tr><th>a</th></tr><tr><td>1</td><td>2</td></tr></table>") is None
    plain = table_of_html("<table><tr><th>a</th><th>b</th></tr><tr><td>1</td><td>x &lt; y</td></tr></table>")
    assert (plain.corner, plain.columns, plain.rows) == (None, ("a", "b"), (("1", "x < y"),))


def test_headings_skip_no_level_and_anchors_are_unique():
    document = notebook(new_markdown_cell("# T\n\n### Deep\n\n## Same\n\n## Same\n\n# Another top\n\n## ©"))
    found = [(block.level, block.anchor) for block in document.blocks if isinstance(block, Heading)]
    assert found == [(2, "deep"), (2, "same"), (2, "same-2"), (2, "another-top"), (2, "section")]
    assert notebook(code(new_output("stream", name="stdout", text="x"))).blocks == (Plain("x"),)
