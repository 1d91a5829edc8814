"""The synthetic seller: its clean world ties on every leg, its files are the world, and what is planted is written down."""

from __future__ import annotations

import random
import zipfile
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest
from typer.testing import CliRunner

from recon_kit.cli import app
from recon_kit.collect import Collected, collect
from recon_kit.config import Standard, load_config
from recon_kit.errors import ConfigError
from recon_kit.facts import Scope
from recon_kit.periods import Period, parse_period
from recon_kit.rules.catalogue import CATALOGUE
from recon_kit.run import reconcile
from recon_kit.schema import REFUND_CASE_KINDS, TABLES, conform
from recon_kit.synth import DEFAULT_ORDERS, DEFAULT_SEED, seller
from recon_kit.synth.books import wallet_account
from recon_kit.synth.chance import choose, draw
from recon_kit.synth.edits import fresh_ids
from recon_kit.synth.planters import PLANTERS, plant
from recon_kit.synth.sample import plant_months, write_sample
from recon_kit.synth.world import World, build_world, close_books, in_escrow
from tests import sample as sample_month
from tests.sample import SAMPLE

OCTOBER = parse_period("2026-10")
SEPTEMBER = OCTOBER.previous()
EDITED_AFTER_CLOSE = "K04"
"""The one code that no month of files can hold: it compares with what was signed."""


@pytest.fixture(scope="module")
def open_world() -> World:
    """A clean world before its month-end vouchers: what is planted in."""
    return build_world(DEFAULT_ORDERS, OCTOBER, seed=5)


@pytest.fixture(scope="module")
def clean(open_world: World) -> World:
    """A clean world with its month-end vouchers."""
    return close_books(open_world)


@pytest.fixture(scope="module")
def sample() -> World:
    """The world that data/sample was written from."""
    return close_books(plant_months(build_world(DEFAULT_ORDERS, OCTOBER, DEFAULT_SEED), DEFAULT_ORDERS, DEFAULT_SEED)[0])


@pytest.fixture(scope="module")
def collected() -> Collected:
    """What the readers make of data/sample."""
    return sample_month.collected()


@pytest.mark.parametrize("table", ["orders", "order_lines"])
def test_list_plus_shipping_less_discounts_is_what_the_buyer_paid(clean: World, table: str) -> None:
    frame = clean.tables[table].with_columns(shipping_fen=pl.col("shipping_fen") if table == "orders" else pl.lit(0))

    discounts = pl.sum_horizontal("merchant_discount_fen", "platform_discount_fen", "points_fen")

    assert frame.filter(pl.col("list_fen") + pl.col("shipping_fen") - discounts != pl.col("buyer_paid_fen")).is_empty()


def test_lines_sum_to_their_order_in_every_amount(clean: World) -> None:
    amounts = ["list_fen", "merchant_discount_fen", "platform_discount_fen", "points_fen", "buyer_paid_fen"]
    lines = clean.tables["order_lines"].group_by("order_id").agg(pl.col(amounts).sum())
    header = clean.tables["orders"].select(
        "order_id", *amounts[:-1], buyer_paid_fen=pl.col("buyer_paid_fen") - pl.col("shipping_fen")
    )

    assert lines.sort("order_id").equals(header.sort("order_id"))


def test_every_wallet_rolls_from_opening_to_closing_and_row_by_row(clean: World) -> None:
    flows, wallets = clean.tables["flows"], clean.tables["wallets"]
    steps = flows.with_columns(step=pl.col("balance_fen").diff().over("channel"))

    assert steps.filter(pl.col("step").is_not_null() & (pl.col("step") != pl.col("amount_fen"))).is_empty()
    for wallet in wallets.iter_rows(named=True):
        month = parse_period(wallet["period"])
        moved = flows.filter((pl.col("channel") == wallet["channel"]) & month.contains("success_at"))["amount_fen"].sum()
        assert wallet["opening_fen"] + moved == wallet["closing_fen"]
    later = wallets.filter(pl.col("period") == OCTOBER.text)["opening_fen"].to_list()
    assert later == wallets.filter(pl.col("period") == SEPTEMBER.text)["closing_fen"].to_list()


def test_every_voucher_balances_but_those_planted_not_to(clean: World, sample: World) -> None:
    key = pl.read_csv(SAMPLE / "answer_key.csv", schema_overrides={"key": pl.String, "order_id": pl.String, "case_id": pl.String})
    planted = key.filter(pl.col("code") == "L11").select("period", "key").rows()
    for world, expected in ((clean, []), (sample, planted)):
        sums = world.tables["voucher_lines"].group_by("period", "voucher_id").agg(pl.col("debit_fen", "credit_fen").sum())
        unbalanced = sums.filter(pl.col("debit_fen") != pl.col("credit_fen")).select("period", "voucher_id")
        assert sorted(unbalanced.rows()) == expected


@pytest.mark.parametrize("channel", list(seller.WALLETS))
@pytest.mark.parametrize("month", [SEPTEMBER, OCTOBER], ids=lambda month: month.text)
def test_the_ledger_moves_a_wallet_exactly_as_its_bill_does(clean: World, month: Period, channel: str) -> None:
    of_wallet = (pl.col("account") == wallet_account(clean.config, channel)[0]) & (pl.col("period") == month.text)
    booked = clean.tables["voucher_lines"].filter(of_wallet).select(pl.col("debit_fen").sum() - pl.col("credit_fen").sum()).item()
    wallet = clean.tables["wallets"].filter((pl.col("channel") == channel) & (pl.col("period") == month.text))

    assert booked == wallet.select(pl.col("closing_fen") - pl.col("opening_fen")).item()


def test_every_case_outside_escrow_is_paid_and_every_case_inside_is_not(clean: World) -> None:
    success = clean.tables["aftersales"].filter(
        (pl.col("platform_status") == "success") & pl.col("kind").is_in(REFUND_CASE_KINDS)
    )
    refunds = (
        clean.tables["flows"].filter(pl.col("kind") == "refund").group_by("case_id").agg(paid_fen=-pl.col("amount_fen").sum())
    )
    legs = success.join(refunds, on="case_id", how="left").join(
        in_escrow(clean).with_columns(escrow=True), on="case_id", how="left"
    )

    ended = legs.filter(OCTOBER.contains("completed_at") | SEPTEMBER.contains("completed_at"))
    assert ended.filter(pl.col("escrow").is_null() & pl.col("paid_fen").ne_missing(pl.col("final_fen"))).is_empty()
    assert legs.filter(pl.col("escrow") & pl.col("paid_fen").is_not_null()).is_empty()
    assert legs["escrow"].sum() > 20


def test_escrow_receipts_are_net_of_what_was_refunded_before(clean: World) -> None:
    inside = (
        clean.tables["aftersales"].join(in_escrow(clean), on="case_id").group_by("order_id").agg(early=pl.col("final_fen").sum())
    )
    receipts = clean.tables["flows"].filter((pl.col("kind") == "trade_receipt") & pl.col("channel").is_in(["alipay", "pdd"]))
    expected = receipts.join(clean.tables["orders"], on="order_id", validate="1:1").join(inside, on="order_id", how="left")

    assert expected.filter(pl.col("amount_fen") != pl.col("buyer_paid_fen") - pl.col("early").fill_null(0)).is_empty()
    assert expected["early"].count() > 0
    assert expected.filter(pl.col("at") < pl.col("completed_at")).is_empty()


def test_payouts_arrive_at_the_bank_to_the_fen(clean: World) -> None:
    payouts = clean.tables["flows"].filter(pl.col("kind") == "payout")

    assert payouts.height > 15
    assert clean.tables["bank_rows"]["amount_fen"].sum() == -payouts["amount_fen"].sum()


def test_months_look_like_a_shop_s(clean: World) -> None:
    orders, cases = clean.tables["orders"], clean.tables["aftersales"]
    refunds = cases.filter((pl.col("platform_status") == "success") & pl.col("final_fen").is_not_null())
    rate = {
        m.text: refunds.filter(m.contains("completed_at")).height / orders.filter(m.contains("paid_at")).height
        for m in (SEPTEMBER, OCTOBER)
    }

    assert 0.05 <= rate["2026-09"] <= 0.10
    assert 0.15 <= rate["2026-10"] <= 0.28


def test_the_legitimate_complications_are_there(clean: World) -> None:
    orders, cases, flows = (clean.tables[name] for name in ("orders", "aftersales", "flows"))
    refs = clean.tables["voucher_lines"].filter(pl.col("ref_id").is_not_null() & pl.col("account").str.starts_with("1012"))
    twins = orders["order_id"].str.head(-1)

    assert orders.filter(pl.col("pay_id").is_not_null()).group_by("pay_id").len().filter(pl.col("len") > 1).height > 5, (
        "combined payments"
    )
    assert flows.filter(pl.col("kind") == "refund").group_by("case_id").len().filter(pl.col("len") > 1).height > 0, (
        "paid in two flows"
    )
    assert cases.group_by("order_id").len().filter(pl.col("len") > 1).height > 0, "several cases on an order"
    assert refs.group_by("period", "voucher_id").len().filter(pl.col("len") > 1).height > 5, "summary vouchers"
    assert set(refs["ref_kind"].unique()) == {"case", "flow", "order"}
    assert twins.len() > twins.n_unique(), "look-alike ids"
    assert cases.filter(pl.col("platform_status") == "closed").height > 0, "withdrawn cases"
    same_day = cases.filter(pl.col("final_fen").is_not_null()).group_by("final_fen", pl.col("completed_at").dt.date()).len()
    assert same_day.filter(pl.col("len") > 1).height > 0, "equal amounts on a day"


def test_the_world_is_made_of_canonical_tables(sample: World) -> None:
    for name, frame in sample.tables.items():
        known = frame.select(column for column in TABLES[name].names if column in frame.columns)
        conform(known, TABLES[name])


def test_there_is_a_planter_for_every_code_and_the_key_has_each_twice_or_more() -> None:
    key = pl.read_csv(SAMPLE / "answer_key.csv", schema_overrides={"key": pl.String, "order_id": pl.String, "case_id": pl.String})
    october = key.filter(pl.col("period") == OCTOBER.text).group_by("code").len()

    assert set(PLANTERS) == set(october["code"]) == set(CATALOGUE) - {EDITED_AFTER_CLOSE}
    assert october["len"].min() >= 2  # type: ignore[operator]
    assert key.filter(pl.col("gap_fen").ne_missing(pl.col("actual_fen") - pl.col("expected_fen"))).is_empty()


ALSO = {"C09": ("K01",)}
"""What an amendment without a second approval is too. Source: rulings 17."""


@pytest.mark.parametrize("code", sorted(PLANTERS))
def test_a_planter_marks_its_orders_and_leaves_the_world_it_was_given_alone(code: str, open_world: World) -> None:
    before, frames = open_world, dict(open_world.tables)

    after, answers = plant(before, code, random.Random(1), 2)

    assert len([row for row in answers if row.code == code]) == 2
    assert {row.code for row in answers} == {code, *ALSO.get(code, ())}
    assert {row.order_id for row in answers if row.order_id} <= after.touched
    assert before.tables == frames and not before.touched
    again, same = plant(before, code, random.Random(1), 2)
    assert same == answers
    assert all(frame.equals(again.tables[name]) for name, frame in after.tables.items())


@pytest.mark.parametrize("code", ["C03", "C04", "C05", "C06"])
def test_every_third_is_planted_inside_escrow(code: str, open_world: World) -> None:
    _, answers = plant(open_world, code, random.Random(1), 3)

    inside = open_world.tables["aftersales"].join(in_escrow(open_world), on="case_id")["order_id"].to_list()
    assert [row.order_id in inside for row in answers] == [False, False, True]


def test_no_order_carries_two_findings() -> None:
    _, answers = plant_months(build_world(DEFAULT_ORDERS, OCTOBER, seed=9), DEFAULT_ORDERS, seed=9)
    twice = ("booked in this period", "with C09")
    rows = [(row.period, row.order_id) for row in answers if row.order_id and not row.note.startswith(twice)]

    assert len(rows) == len(set(rows))


def test_the_readers_give_back_the_world_that_was_written(sample: World, collected: Collected) -> None:
    tables = collected.tables
    assert not collected.warnings and collected.quarantine.is_empty()
    _same(
        sample,
        "orders",
        tables.orders,
        "order_id",
        ["platform", "paid_at", "shipped_at", "completed_at", "pay_id", "shipping_fen"],
        _is_paid,
    )
    _same(sample, "orders", tables.orders, "order_id", ["buyer_paid_fen"], _is_paid)
    _same(sample, "order_lines", tables.order_lines, "line_id", ["order_id", "sku", "qty", "list_fen", "buyer_paid_fen"])
    _same(
        sample,
        "aftersales",
        tables.aftersales,
        "case_id",
        ["platform", "order_id", "kind", "platform_status", "erp_status", "erp_fen", "approver"],
    )
    _same(sample, "aftersales", tables.aftersales, "case_id", ["final_fen", "completed_at"], _is_refunded)
    _same(sample, "flows", tables.flows, "flow_id", ["channel", "kind", "amount_fen", "success_at"], _has_own_id)
    wanted = ["voucher_id", "line_no", "account", "debit_fen", "credit_fen", "ref_kind", "ref_id", "date"]
    assert tables.voucher_lines is not None
    written, read = (frame.select("period", *wanted) for frame in (sample.tables["voucher_lines"], tables.voucher_lines))
    assert written.sort(pl.all()).equals(read.sort(pl.all()))


def test_every_stated_total_holds_but_for_the_planted_footers(sample: World, collected: Collected) -> None:
    broken = collected.controls.filter(pl.col("stated") != pl.col("found"))

    assert collected.controls.height > 30
    assert dict(zip(broken["file"], broken["stated"] - broken["found"], strict=True)) == dict(sample.footers)


def test_the_committed_sample_is_what_the_command_writes_and_is_small(tmp_path: Path) -> None:
    CliRunner().invoke(app, ["sample", "--out", str(tmp_path / "one")], catch_exceptions=False)

    assert _bytes(tmp_path / "one") == _bytes(SAMPLE)
    assert sum(len(content) for content in _bytes(SAMPLE).values()) < 1_500_000


@pytest.mark.parametrize("standard", ["SBE", "CAS"])
def test_a_clean_month_gives_nothing_but_what_is_on_its_way(tmp_path: Path, standard: Standard) -> None:
    answers = write_sample(tmp_path / "clean", OCTOBER, orders=700, seed=4, clean=True, standard=standard)
    collected = collect(tmp_path / "clean")

    for month in (SEPTEMBER, OCTOBER):
        outcome = reconcile(collected, Scope(load_config(tmp_path / "clean" / "recon.toml"), month, month.last_day))
        found = outcome.tables["discrepancies"].select("code", "key").rows()
        assert found == [(row.code, row.key) for row in answers if row.period == month.text]
        assert outcome.summary["unexplained_fen"] == 0 and not outcome.summary["not_checked"]
    assert "S04" in {row.code for row in answers} <= {"S04", "W02"}


def test_alipay_members_have_gbk_names_without_the_utf8_flag() -> None:
    with zipfile.ZipFile(SAMPLE / f"{seller.TMALL.account}_202610.zip", metadata_encoding="gbk") as archive:
        members = archive.infolist()

    assert [member.filename.endswith(("账务明细.csv", "账务明细(汇总).csv")) for member in members] == [True, True]
    assert not any(member.flag_bits & 0x800 for member in members)


def test_a_large_sample_is_cut_into_days_and_csv(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("recon_kit.synth.world.MONTHLY_ORDERS", 300)
    monkeypatch.setattr("recon_kit.synth.writers.text.XLSX_ROWS", 20)

    write_sample(tmp_path / "large", OCTOBER, orders=400, seed=3, clean=True)

    names = {path.name for path in (tmp_path / "large").iterdir()}
    assert {"1648203157All2026-10-07.csv", "pdd-mall-bill-detail-20261007.csv", "淘宝订单报表_202610.csv"} <= names
    read = collect(tmp_path / "large")
    assert read.tables.orders is not None and read.tables.orders.height == 400
    assert read.controls.filter(pl.col("stated") != pl.col("found")).is_empty() and not read.warnings


def test_a_folder_with_files_and_too_few_orders_are_refused(tmp_path: Path) -> None:
    (tmp_path / "mine.csv").touch()

    with pytest.raises(ConfigError, match="empty"):
        write_sample(tmp_path, OCTOBER)
    with pytest.raises(ConfigError, match="at least 200"):
        write_sample(tmp_path / "new", OCTOBER, orders=20)
    with pytest.raises(ConfigError, match="expected a month"):
        write_sample(tmp_path / "new", parse_period("2026-10-05"))


def test_a_draw_depends_on_seed_name_and_row_only() -> None:
    frame = pl.DataFrame({"n": [1, 2, 3]})
    drawn = frame.select(x=draw(7, "price"))["x"]

    assert frame.reverse().select(x=draw(7, "price"))["x"].reverse().equals(drawn)
    assert not frame.select(x=draw(8, "price"))["x"].equals(drawn)
    assert not frame.select(x=draw(7, "other"))["x"].equals(drawn)
    assert drawn.is_between(0, 1, closed="left").all()


def test_choose_follows_the_weights() -> None:
    counts = dict(pl.DataFrame({"n": range(20_000)}).select(x=choose(draw(1, "c"), {"a": 3, "b": 1})).group_by("x").len().rows())

    assert 0.73 < counts["a"] / 20_000 < 0.77


def test_a_fresh_id_keeps_its_shape_and_is_nobody_s() -> None:
    assert fresh_ids(["A0007", "A0007"], pl.Series(["A0008", "A0009"])) == ["A0010", "A0014"]


def _same(
    sample: World, name: str, read: pl.DataFrame | None, key: str, columns: list[str], only: Callable[[], pl.Expr] | None = None
) -> None:
    assert read is not None
    world = sample.tables[name].filter(only()) if only else sample.tables[name]
    joined = world.select(key, *columns).join(read.select(key, *columns), on=key, how="left", suffix="_read", validate="1:1")
    for column in columns:
        assert joined.filter(pl.col(column).ne_missing(pl.col(f"{column}_read"))).is_empty(), f"{name}.{column}"


def _is_paid() -> pl.Expr:
    return pl.col("paid_at").is_not_null()


def _is_refunded() -> pl.Expr:
    return (pl.col("platform_status") == "success") & pl.col("kind").is_in(REFUND_CASE_KINDS)


def _has_own_id() -> pl.Expr:
    """Pinduoduo bills have no row id, and a refund that never reached the fundflow is known by another number."""
    return (pl.col("channel") != "pdd") & pl.col("success_at").is_not_null()


def _bytes(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}
