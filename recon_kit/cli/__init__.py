"""The `recon-kit` command. One module a command group; what is heavy is imported inside a command, so that --help is quick."""

from __future__ import annotations

import sys
from importlib.metadata import version
from io import TextIOWrapper
from typing import Annotated

import typer

from recon_kit.cli.archive import close_command, reopen_command, verify_command
from recon_kit.cli.cases import cases_app
from recon_kit.cli.check import check_command
from recon_kit.cli.entries import entries_app
from recon_kit.cli.lab import lab_command
from recon_kit.cli.layout import layout_app
from recon_kit.cli.match import match_command
from recon_kit.cli.new import new_command
from recon_kit.cli.notify import notify_command
from recon_kit.cli.pack import pack_command
from recon_kit.cli.run import run_command
from recon_kit.cli.sample import sample_command
from recon_kit.cli.selftest import selftest_command
from recon_kit.cli.template import template_command
from recon_kit.cli.trace import trace_command
from recon_kit.cli.worklists import export_command, import_command
from recon_kit.errors import ReconError

app = typer.Typer(
    name="recon-kit",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,  # its tracebacks print local variables, and those hold personal data
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="先试样例 · try the sample:  recon-kit run 2026-10 --data data/sample --out reports",
)
app.command("run")(run_command)
app.command("check")(check_command)
app.command("match")(match_command)
app.command("trace")(trace_command)
app.command("selftest")(selftest_command)
app.command("template")(template_command)
app.command("new")(new_command)
app.command("notify")(notify_command)
app.command("lab")(lab_command)
app.command("close")(close_command)
app.command("verify")(verify_command)
app.command("reopen")(reopen_command)
app.command("pack")(pack_command)
app.command("sample")(sample_command)
app.add_typer(layout_app)
app.add_typer(entries_app)
cases_app.command("export")(export_command)
cases_app.command("import")(import_command)
app.add_typer(cases_app)


def _print_version(is_wanted: bool) -> None:
    if is_wanted:
        typer.echo(f"recon-kit {version('recon-kit')}")
        raise typer.Exit


@app.callback()
def _about(
    _version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="版本 · the version")
    ] = False,
) -> None:
    """电商售后对账：平台导出文件进，对平并说明白的一个月出。

    After-sales reconciliation: platform exports in, a tied and explained month out.
    """


def main() -> None:
    """Run the command line. An expected failure is one message on stderr and exit code 2; a traceback is a bug."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):  # a console that lacks a character shows "?" instead of stopping
            stream.reconfigure(errors="replace")
    try:
        app()
    except ReconError as error:
        typer.echo(f"recon-kit: {error}", err=True)
        sys.exit(2)
