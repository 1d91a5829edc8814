"""`recon-kit entries`: what a run proposes to book, listed, and written as vouchers to import. The tool never posts."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from recon_kit.errors import ReportError

if TYPE_CHECKING:
    from recon_kit.record import Run

entries_app = typer.Typer(
    name="entries",
    help="建议分录：列出，或导出为可导入的凭证；工具从不记账 · proposed entries: list or export them, never posted",
    no_args_is_help=True,
)


class Form(StrEnum):
    """Voucher forms that can be imported."""

    TEMPLATE = "template"
    JDY = "jdy"
    KIS = "kis"


_PERIOD = typer.Argument(help="期间，如 2026-10 · a period")
_OUT = typer.Option(help="运行结果所在文件夹 · the folder of results")
_CONFIG = typer.Option(help="recon.toml；默认当前文件夹的 · default: in the working folder")


@entries_app.command("list")
def list_command(
    period: Annotated[str, _PERIOD],
    out: Annotated[Path, _OUT] = Path("reports"),
    config: Annotated[Path | None, _CONFIG] = None,
) -> None:
    """列出一期的建议分录：编号、码、性质、金额、状态 · list the entries a run proposes.

    例 · example:  recon-kit entries list 2026-10 --out reports
    """
    from recon_kit.labels import value_label, word
    from recon_kit.money import format_yuan
    from recon_kit.record import load_run
    from recon_kit.voucher_forms import list_entries

    run = load_run(out / period)
    language = str(run.summary["language"])
    frame = list_entries(run, _statuses(run, out, config))
    for row in frame.iter_rows(named=True):
        effect, status = value_label("effect", row["effect"], language), word(f"entry_status.{row['status']}", language)
        typer.echo(
            f"{row['entry_id']}  {row['code'] or '—':<4}{effect}\t{format_yuan(row['amount_fen']):>14}\t{status}\t"
            f"{row['memo'].removeprefix(row['entry_id']).strip()}"
        )
    typer.echo(f"{frame.height} 笔分录 · entries" if language == "zh" else f"{frame.height} entries")


@entries_app.command("export")
def export_command(
    period: Annotated[str, _PERIOD],
    out: Annotated[Path, _OUT] = Path("reports"),
    form: Annotated[
        Form, typer.Option("--format", help="标准模板、精斗云/KIS云、KIS/K3 标准格式 · the form to import")
    ] = Form.TEMPLATE,
    file: Annotated[
        Path | None, typer.Option(help="写成哪个文件，默认 <结果>/entries_<期间>_<格式>.xlsx · the file to write")
    ] = None,
    everything: Annotated[
        bool,
        typer.Option(
            "--all/--only-approved",
            help="未审批的也导出，摘要标明未审批；默认只导出已审批的 · those not approved too, marked as such",
        ),
    ] = False,
    config: Annotated[Path | None, _CONFIG] = None,
) -> None:
    """把建议分录导出为可导入的凭证 xlsx；编号在摘要里，入账后下期自动认出 · write the entries as vouchers to import.

    例 · example:  recon-kit entries export 2026-10 --out reports --format jdy

    有案卷时默认只导出已审批的；没有案卷时全部导出并标明未审批 · without a casebook all are written and marked.
    """
    from recon_kit.record import load_run
    from recon_kit.voucher_forms import choose_entries, write_vouchers

    run = load_run(out / period)
    path = file or out / f"entries_{period}_{form}.xlsx"
    if path.exists():
        raise ReportError(f"{path}: the file exists, expected a new name; nothing was overwritten. Move it, or give --file")
    language = str(run.summary["language"])
    chosen = choose_entries(run.table("adjustments"), _statuses(run, out, config), language, everything=everything)
    n = write_vouchers(chosen, path, form)
    typer.echo(f"{path}: {n} 张凭证 · vouchers" if language == "zh" else f"{path}: {n} vouchers")


def _statuses(run: Run, out: Path, config: Path | None) -> dict[str, str] | None:
    """Entry → status from the casebook; None where there is none."""
    from recon_kit.casebook import casebook_place, entry_states, open_casebook
    from recon_kit.config import find_config, load_config
    from recon_kit.voucher_forms import statuses

    path = config or find_config()
    place = Path(casebook_place(out, load_config(path), path.parent if path else None))
    if not place.is_file():
        return None
    states = entry_states(open_casebook(place, create=False).events())
    return statuses(states, run.table("adjustments")["entry_id"].unique())
