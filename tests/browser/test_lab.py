"""The workplace in a real JupyterLab, as `recon-kit lab` starts it: what an analyst does in a morning, and a restart."""

import os
import re
import signal
import socket
import subprocess
import sys
import time
from contextlib import contextmanager
from urllib.request import urlopen

import polars as pl
import pytest
from playwright.sync_api import expect

from recon_kit import publish
from recon_kit.casebook import absorb_run, item_states, open_casebook
from recon_kit.run import write_tables
from tests import sample
from tests.casebook.book import AT
from tests.conftest import HOSTILE

pytestmark = pytest.mark.browser
PERIOD, TOKEN = "2026-10", "of-this-test"
SECONDS = 90
"""How long one step may take on a slow machine; none takes a tenth of it on an idle one."""
COMMAND = [sys.executable, "-c", "from recon_kit.cli import main; main()", "lab", "--no-browser", "--period", PERIOD]


@pytest.fixture
def out(tmp_path):
    """The sample month, published and recorded as a run is."""
    out = tmp_path / "reports"
    with publish.staged(out, PERIOD) as staging:
        write_tables(staging.path, sample.outcome(PERIOD))
        _attack(staging.path / "tables")
        config = sample.scope_of(PERIOD).config.model_dump(mode="json", by_alias=True)
        staging.describe(inputs=[], config=config, versions={})
    absorb_run(open_casebook(out / "casebook.db"), out / PERIOD, at=AT)
    return out


def _attack(tables):
    """Shops and reasons become texts that would run if anything let them."""
    for name, column in (("discrepancies", "shop"), ("open_items", "shop"), ("aftersales", "reason")):
        frame = pl.read_parquet(tables / f"{name}.parquet")
        texts = pl.Series(column, [HOSTILE[place % len(HOSTILE)] for place in range(frame.height)], pl.String)
        frame.with_columns(texts).write_parquet(tables / f"{name}.parquet")


@contextmanager
def serving(folder):
    """`recon-kit lab` in a folder, with settings of its own; gives its address."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    own = {f"JUPYTER_{name}_DIR": str(folder / f".{name}") for name in ("CONFIG", "DATA", "RUNTIME")}
    own |= {f"JUPYTERLAB_{name}_DIR": str(folder / f".{name}") for name in ("SETTINGS", "WORKSPACES")}
    command = [*COMMAND, "--port", str(port), "--", f"--IdentityProvider.token={TOKEN}", "--allow-root"]
    command.append("--LabApp.expose_app_in_browser=True")
    with (folder / "lab.log").open("wb") as log:
        lab = subprocess.Popen(command, cwd=folder, env=os.environ | own, stdout=log, stderr=log, start_new_session=True)
    try:
        address = f"http://127.0.0.1:{port}"
        _wait_for(f"{address}/api", lab)
        yield address
    finally:
        os.killpg(lab.pid, signal.SIGTERM)
        lab.wait(SECONDS)


def _wait_for(address, lab):
    for _ in range(SECONDS * 4):
        assert lab.poll() is None, "JupyterLab ended"
        try:
            with urlopen(address, timeout=5):
                return
        except OSError:
            time.sleep(0.25)
    raise AssertionError(f"{address} does not answer")


@contextmanager
def notebook(chromium, address):
    """The notebook open; the page remembers requests to anywhere else, console errors and exceptions."""
    context = chromium.new_context(viewport={"width": 1440, "height": 1000}, locale="zh-CN")
    context.set_default_timeout(SECONDS * 1000)
    expect.set_options(timeout=SECONDS * 1000)
    page = context.new_page()
    page.outside, page.troubles = [], []
    page.on("request", lambda request: page.outside.append(request.url) if not _is_ours(request.url, address) else None)
    page.on("console", lambda message: page.troubles.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: page.troubles.append(str(error)))
    page.on("dialog", lambda dialog: (page.troubles.append("dialog"), dialog.dismiss()))
    page.goto(f"{address}/lab/tree/02_explore_discrepancies.ipynb?token={TOKEN}")
    yield page
    context.close()


def _is_ours(url, address):
    return url.startswith((address, address.replace("http", "ws"), "data:", "blob:"))


def ready(page):
    """The kernel is connected and has nothing to do."""
    page.wait_for_function(
        """() => { const session = window.jupyterapp?.shell.currentWidget?.sessionContext;
        return session?.isReady && session.session?.kernel?.connectionStatus === "connected"
            && session.session.kernel.status === "idle" }"""
    )


def run_all(page):
    ready(page)
    page.evaluate("() => jupyterapp.commands.execute('notebook:run-all-cells')")
    rows(page).first.wait_for()


def restart_and_run_all(page):
    page.locator(".lm-MenuBar-item", has_text="Run").click()
    page.locator('.lm-Menu-item[data-command="runmenu:restart-and-run-all"]').click()
    page.locator(".jp-Dialog .jp-mod-accept").click()


def rows(page):
    return page.locator(".recon-grid table.dataTable tbody tr")


def field(page, label):
    return page.get_by_label(label, exact=True)


def said(page, text):
    expect(page.locator(".recon-desk .said")).to_contain_text(text)


def assign(page, to, why):
    field(page, "交给").fill(to)
    field(page, "理由或说明").fill(why)
    page.get_by_role("button", name=re.compile("^登记")).click()
    said(page, "已登记：分派，1 项")


def assignees(out, code):
    states = item_states(open_casebook(out / "casebook.db").events())
    return states.filter(pl.col("code") == code)["assigned_to"].drop_nulls().to_list()


def test_filter_look_assign_undo_and_a_restart_that_loses_nothing(out, chromium):
    with serving(out.parent) as address, notebook(chromium, address) as page:
        run_all(page)
        field(page, "差异码").select_option(label=_option(page, "C05"))
        expect(page.locator(".recon-desk .summary")).to_contain_text("（全部 ")
        expect(rows(page).first).to_contain_text("C05")  # the list is drawn anew before it is clicked
        rows(page).first.click()
        expect(page.locator(".recon-desk.evidence")).to_contain_text("C05")
        assert page.locator(".evidence .ground").count() >= 1

        field(page, "我是").fill("王芳")
        assign(page, "赵六", "先查")
        field(page, "理由或说明").fill("给错了人")
        page.get_by_role("button", name="撤销我的上一个决定").click()
        said(page, "已撤销")
        assert assignees(out, "C05") == []
        assign(page, "李雷", f"请在月底前核实 {HOSTILE[1]}")
        expect(rows(page).first).to_contain_text("李雷")
        field(page, "理由或说明").fill("没写完的一句")

        restart_and_run_all(page)
        said(page, "已恢复上次的筛选")
        _check_all_is_there(page)
        ready(page)
        page.evaluate("() => jupyterapp.commands.execute('docmanager:save')")
        page.reload()
        rows(page).first.wait_for()
        _check_all_is_there(page)

        assert assignees(out, "C05") == ["李雷"]
        assert page.outside == [] and page.troubles == [] and page.evaluate("window.fired") is None


def _option(page, code):
    return next(text for text in field(page, "差异码").locator("option").all_text_contents() if text.startswith(code))


def _check_all_is_there(page):
    expect(field(page, "理由或说明")).to_have_value("没写完的一句")
    expect(field(page, "我是")).to_have_value("王芳")
    expect(rows(page).first).to_contain_text("李雷")
    listed = rows(page).all_text_contents()
    assert [text for text in listed if "C05" not in text] == []
    assert page.locator(".recon-grid tr.selected").count() == 1
