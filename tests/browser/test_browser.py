"""A real browser: JupyterLab opens on its start page, and a slider moves the payment there and on the page of Voila.

Chromium is Debian's. Where it is absent it is installed in CI, and these tests are skipped elsewhere. Servers and
kernels work in folders of their own, on free ports of the loopback, and are ended with everything they started.
"""

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import time

import pytest
from conftest import ROOT, SCENARIOS

from acomodel import change, load_scenario, run
from acomodel.exhibit import show

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")

OFFLINE = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"]
OFFLINE += ["--disable-component-update", "--disable-sync"]
TOKEN = "loopback"
WAIT = 90_000
"""Milliseconds that a page may take."""
SLIDER = ".aco-slider-years-0-actual_adjustment [role=slider]"
FIELD = ".aco-field-years-0-actual_adjustment input"
PAYMENT = ".aco-explorer td[data-figure=payment]"
PRESSES = 20
"""Steps of a tenth of a percent."""


def installed_chromium():
    """Path of Chromium; in CI installed if it is not there."""
    root = hasattr(os, "geteuid") and os.geteuid() == 0 and shutil.which("apt-get")
    if not shutil.which("chromium") and os.environ.get("CI") == "true" and root:
        quiet = {"env": os.environ | {"DEBIAN_FRONTEND": "noninteractive"}, "capture_output": True, "timeout": 300}
        for words in (["update", "-q"], ["install", "-y", "-q", "--no-install-recommends", "chromium"]):
            with contextlib.suppress(subprocess.TimeoutExpired):
                subprocess.run(["apt-get", *words], check=False, **quiet)
    return shutil.which("chromium") or pytest.skip("Chromium is not installed (Debian: apt-get install chromium)")


def free_port():
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        return held.getsockname()[1]


@pytest.fixture(scope="module")
def browser():
    path = installed_chromium()
    with playwright.sync_playwright() as started:
        opened = started.chromium.launch(executable_path=path, args=OFFLINE)
        yield opened
        opened.close()


@pytest.fixture(scope="module")
def addresses(browser, tmp_path_factory):
    """Addresses of JupyterLab and of the explorer's page, both started at once."""
    place = tmp_path_factory.mktemp("bench")
    for name in ("notebooks", "scenarios"):
        shutil.copytree(ROOT / name, place / name, ignore=shutil.ignore_patterns(".ipynb_checkpoints", "claims-demo*"))
    env = os.environ | {"PYTHONPATH": str(ROOT), "HOME": str(place / "home"), "USERPROFILE": str(place / "home")}
    for name in ("JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR", "IPYTHONDIR", "MPLCONFIGDIR"):
        env[name] = str(place / "home" / name.lower())
    (place / "home").mkdir()
    lab, page = free_port(), free_port()
    served = ["--no-browser", "--allow-root", f"--port={lab}", f"--IdentityProvider.token={TOKEN}"]
    commands = {
        "lab": ["--folder", str(place), "--", *served],
        "explore": [str(place / "scenarios" / "toolkit-2010.toml"), f"--port={page}", "--no-browser"],
    }
    with contextlib.ExitStack() as ended:
        for name, given in commands.items():
            log = ended.enter_context((place / f"{name}.log").open("w"))
            words = [sys.executable, "-c", f"from acomodel.cli.bench import {name}; {name}()", *given]
            server = subprocess.Popen(
                words, cwd=place, env=env, stdout=log, stderr=subprocess.STDOUT, start_new_session=True
            )
            ended.callback(_end, server)
        for name, port in (("lab", lab), ("explore", page)):
            _listening(port, place / f"{name}.log")
        yield {"lab": f"http://127.0.0.1:{lab}", "explore": f"http://127.0.0.1:{page}/"}
    assert not [p.name for p in (place / "scenarios").iterdir() if p.name.startswith(".")]


def _listening(port, log):
    for _ in range(WAIT // 200):
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        time.sleep(0.2)
    pytest.fail(f"nothing listens on port {port}:\n{log.read_text()[-2000:]}")


def _end(server):
    """End a server and whatever it started."""
    server.terminate()
    with contextlib.suppress(subprocess.TimeoutExpired):
        server.wait(10)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(server.pid, signal.SIGKILL)
    server.wait(10)


@pytest.fixture
def page(browser):
    """A page, and what it asked of other machines."""
    context = browser.new_context(viewport={"width": 1280, "height": 1000})
    opened = context.new_page()
    opened.set_default_timeout(WAIT)
    opened.asked = []
    opened.on("request", lambda r: opened.asked.append(r.url) if r.url.startswith(("http", "ws")) else None)
    yield opened
    context.close()


def moved_payment(page):
    """Payment that the page shows after the slider of spending was moved by arrow keys, and the one before."""
    page.wait_for_selector(PAYMENT)
    before = page.locator(PAYMENT).text_content()
    picture = page.locator(".aco-picture svg").inner_html()
    handle = page.locator(SLIDER)
    handle.focus()
    for _ in range(PRESSES):
        handle.press("ArrowLeft")
    page.wait_for_function(f"document.querySelector('{FIELD}').value === '{show(-PRESSES / 1000, '%.')}'")
    page.wait_for_function("old => document.querySelector('.aco-picture svg').innerHTML !== old", arg=picture)
    return before, page.locator(PAYMENT).text_content()


@pytest.fixture(scope="module")
def expected():
    """Payment as loaded, and with the setting changed in Python."""
    base = load_scenario(SCENARIOS / "toolkit-2010.toml")
    payments = [
        run(s).headline()["payment"] for s in (base, change(base, {"years.0.actual_adjustment": -PRESSES / 1000}))
    ]
    assert payments[1] > payments[0] + 100_000
    return tuple(show(payment, "$") for payment in payments)


def foreign(page):
    return [url for url in page.asked if "//127.0.0.1:" not in url]


def test_page_of_its_own(page, addresses, expected):
    page.goto(addresses["explore"])
    assert moved_payment(page) == expected
    assert page.title() == "Explorer: toolkit-2010"
    assert page.locator(".jp-InputArea-editor:visible").count() == 0
    assert foreign(page) == []


def test_jupyterlab(page, addresses, expected):
    page.goto(f"{addresses['lab']}/?token={TOKEN}")
    page.wait_for_selector(".jp-MarkdownOutput h1:has-text('Where to begin')")
    assert page.url.endswith("/lab/tree/notebooks/0-start.ipynb")
    assert page.locator(".jp-MarkdownOutput table").count() == 2
    page.get_by_role("link", name="Explorer", exact=True).first.click()
    page.wait_for_selector(".jp-MarkdownOutput h1:has-text('Explorer')")
    page.wait_for_selector('.jp-NotebookPanel:visible .jp-Notebook-ExecutionIndicator[data-status="idle"]')
    page.get_by_role("menuitem", name="Run", exact=True).click()
    page.get_by_text("Run All Cells", exact=True).click()
    assert moved_payment(page) == expected
    assert page.locator(".jp-OutputArea-output[data-mime-type='application/vnd.jupyter.stderr']").count() == 0
    assert page.get_by_text("official Jupyter news").count() == 0
    assert foreign(page) == []
