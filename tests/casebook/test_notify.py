"""Each owner's list goes out once, by the channels of the environment; tested against servers on this machine."""

import base64
import email
import io
import shutil
from datetime import datetime
from email.header import decode_header, make_header

import openpyxl
import polars as pl
import pytest
from apprise.plugins.dingtalk import NotifyDingTalk
from typer.testing import CliRunner

from recon_kit.cli import app
from recon_kit.config import Config, parse_config
from recon_kit.errors import NotifyError
from recon_kit.notify import channels, compose, send
from recon_kit.periods import SHANGHAI
from recon_kit.worklists import open_run, work_list
from tests.casebook.book import Book
from tests.casebook.channels import mail_server, web_hook
from tests.world import case, order, refund, voucher, world

AT = datetime(2026, 11, 6, 9, tzinfo=SHANGHAI)
MONTH = world(
    orders=[order("O1"), order("O2"), order("O3")],
    cases=[case("C1", "O1", done="2026-10-03"), case("C2", "O2", "20.00"), case("C3", "O3", "10.00")],
    flows=[
        refund("F1", "35.00", "2026-10-03", case_id="C1"),
        refund("F2", "25.00", case_id="C2"),
        refund("F3", "10.00", case_id="C3"),
    ],
    vouchers=[voucher("V1", ("C1", "35.00")), voucher("V2", ("C2", "25.00"))],
)
"""Two over-refunds (C05, 客服) and a refund nobody booked (L01, 财务)."""


@pytest.fixture(scope="module")
def origin(tmp_path_factory):
    """The month and its last day, run and recorded once."""
    books = Book(tmp_path_factory.mktemp("origin"))
    books.run(MONTH)
    books.run(MONTH, "2026-10-12", as_of="2026-10-12")
    return books.out


@pytest.fixture
def book(origin, tmp_path):
    return Book(shutil.copytree(origin, tmp_path / "reports"))


def messages(book, config=None, period="2026-10", **about):
    run, earlier = open_run(book.out, period)
    work = work_list(run, book.casebook.events(), earlier)
    return run, {m.role: m for m in compose(work, run, parse_config(config or {}), **about)}


def push(book, environment, config=None, *, again=False, **about):
    """Send the month's messages; the outcomes by role, and the waits between attempts."""
    run, found = messages(book, config, **about)
    waits = []
    ways = {role: channels(role, environment) for role in found}
    rules = parse_config(config or {})
    outcomes = send(list(found.values()), ways, run, book.casebook, rules, now=lambda: AT, sleep=waits.append, again=again)
    return {outcome.role: outcome for outcome in outcomes}, waits


def records(book):
    return book.casebook.events(kinds=["notified"])


def test_a_message_sums_up_and_lists_the_worst_first(book):
    _, found = messages(book)

    assert list(found) == ["cs", "finance"]
    body = found["cs"].body
    assert found["cs"].title == "seller 2026-10 售后对账 · 客服 · 2 项"
    assert "待处理 2 项，绝对额 10.00 元；高级别以上 2 项" in body and "有差异" in body
    assert "1. C05 多退款 · 高 · 5.00 元 · 期限 " in body and "怎么办" not in body


def test_a_full_message_says_why_and_what_to_do_and_a_short_one_what_it_leaves_out(book):
    full, short = messages(book, is_full=True)[1], messages(book, {"notify": {"top": 1}})[1]

    assert "多退 5.00 元。" in full["cs"].body and "怎么办：" in full["cs"].body
    assert "2. " not in short["cs"].body and "另有 1 项" in short["cs"].body


def test_a_day_pushes_only_what_is_severe_of_the_codes_that_must_not_wait(book):
    _, found = messages(book, period="2026-10-12")
    _, wider = messages(book, {"notify": {"daily_codes": ["K"]}}, period="2026-10-12")

    assert set(found) == {"cs"} and set(found["cs"].items["code"]) == {"C05"} and wider == {}


def test_severity_decides_what_a_month_pushes(book):
    assert messages(book, {"notify": {"min_severity": "critical"}})[1] == {}


def test_an_owner_may_be_called_by_name(book):
    assert "客服（王芳）" in messages(book, {"owners": {"cs": "王芳"}})[1]["cs"].title


def test_what_waited_too_long_goes_to_the_superior_in_a_section_of_its_own(book):
    config = {"notify": {"escalate_after_days": 20, "escalate": {"cs": "finance"}}, "owners": {"finance": "赵"}}
    _, found = messages(book, config)

    assert "【上报】客服 久未了结 1 项，绝对额 5.00 元" in found["finance"].body and "待处理 1 项" in found["finance"].body
    _, found = messages(book, {"notify": {"escalate_after_days": 20}})
    assert list(found) == ["cs", "finance", "supervisor"] and found["supervisor"].items.is_empty()
    assert messages(book, {"notify": {"escalate_after_days": 20}}, period="2026-10-12")[1].keys() == {"cs"}


def test_a_hook_gets_the_message_and_the_list_and_the_casebook_a_record(book):
    with web_hook() as hook:
        outcomes, _ = push(book, {"RECON_KIT_NOTIFY_ALL": hook.url()})

    assert [got["title"].split(" · ")[1] for got in hook.got] == ["客服", "财务"]
    assert outcomes["cs"].sent == ("JSON 1",)
    (attached,) = hook.got[0]["attachments"]
    sheet = openpyxl.load_workbook(io.BytesIO(base64.b64decode(attached["base64"]))).worksheets[0]
    assert attached["filename"] == "cs.xlsx" and sheet.max_row == 3
    told = records(book)
    assert told["subject"].to_list() == ["period:2026-10"] * 2 and "s3cret" not in "".join(told["data"])


def test_the_same_list_is_sent_once_until_it_changes_or_is_asked_for_again(book):
    with web_hook() as hook:
        environment = {"RECON_KIT_NOTIFY_CS": hook.url()}
        push(book, environment)
        outcomes, _ = push(book, environment)
        assert outcomes["cs"].known == ("JSON 1",) and len(hook.got) == 1
        push(book, environment, again=True)
        assert len(hook.got) == 2
        book.run(
            world(
                orders=[order("O1")],
                cases=[case("C1", "O1", "30.00", done="2026-10-03")],
                flows=[refund("F1", "36.00", "2026-10-03", case_id="C1")],
                vouchers=[voucher("V1", ("C1", "36.00"))],
            )
        )
        push(book, environment)
        assert len(hook.got) == 3 and records(book).height == 3


def test_a_channel_that_fails_is_tried_again_with_longer_waits_and_others_are_served(book):
    with web_hook(500, 503, 200) as slow, web_hook() as fine:
        outcomes, waits = push(book, {"RECON_KIT_NOTIFY_CS": slow.url(), "RECON_KIT_NOTIFY_FINANCE": fine.url()})

    assert outcomes["cs"].sent == outcomes["finance"].sent == ("JSON 1",)
    assert waits == [2.0, 4.0] and len(slow.got) == 3 and len(fine.got) == 1


def test_a_channel_that_never_takes_it_is_one_error_and_is_not_recorded(book):
    config = {"notify": {"retries": 1}}
    with web_hook(404) as broken, web_hook() as fine:
        environment = {"RECON_KIT_NOTIFY_CS": f"{broken.url()} {fine.url()}"}
        outcomes, _ = push(book, environment, config)
        again, _ = push(book, environment, config)

    assert outcomes["cs"].failed == {"JSON 1": "对方返回 404"} and outcomes["cs"].sent == ("JSON 2",)
    assert again["cs"].failed and again["cs"].known == ("JSON 2",)
    assert records(book).height == 1 and len(fine.got) == 1


def test_nobody_there_is_said_without_the_address(book):
    outcomes, _ = push(book, {"RECON_KIT_NOTIFY_CS": "json://127.0.0.1:9/s3cret"}, {"notify": {"retries": 0}})

    assert outcomes["cs"].failed == {"JSON 1": "连不上"}


def test_a_letter_carries_the_list(book):
    with mail_server() as (port, letters):
        address = f"mailto://127.0.0.1:{port}?smtp=127.0.0.1&mode=insecure&from=a@example.com&to=b@example.com"
        outcomes, _ = push(book, {"RECON_KIT_NOTIFY_CS": address})

    letter = email.message_from_string(letters[0])
    files = [part.get_filename() for part in letter.walk() if part.get_filename()]
    assert outcomes["cs"].sent and files == ["cs.xlsx"]
    assert str(make_header(decode_header(letter["Subject"]))).endswith("客服 · 2 项")


def test_a_group_robot_gets_the_text_without_the_file(book, monkeypatch):
    with web_hook() as hook:
        monkeypatch.setattr(NotifyDingTalk, "notify_url", f"http://127.0.0.1:{hook.port}/robot/send?access_token={{token}}")
        outcomes, _ = push(book, {"RECON_KIT_NOTIFY_CS": "dingtalk://SECRET@abcdefabcdef1234"})

    assert outcomes["cs"].sent == ("DingTalk 1",)
    assert "C05 多退款" in str(hook.got[0]) and "attachments" not in hook.got[0]


def test_an_address_that_no_service_takes_is_refused_without_being_shown():
    with pytest.raises(NotifyError, match=r"RECON_KIT_NOTIFY_CS, address 2: no service takes it") as refused:
        channels("cs", {"RECON_KIT_NOTIFY_CS": "json://127.0.0.1/a nonsense://s3cret"})

    assert "s3cret" not in str(refused.value)
    assert channels("cs", {}) == []


def test_personal_data_is_masked(book):
    run, earlier = open_run(book.out, "2026-10")
    work = work_list(run, book.casebook.events(), earlier).with_columns(why=pl.lit("收货人：张三 13812345678"))

    body = compose(work, run, Config(), is_full=True)[0].body

    assert "张三" not in body and "13812345678" not in body


def command(book, *words, **environment):
    result = CliRunner().invoke(app, ["notify", "2026-10", "--out", str(book.out), *words], env=environment)
    return result.exit_code, result.output


def test_a_dry_run_prints_what_would_go_to_whom_and_sends_nothing(book):
    with web_hook() as hook:
        code, printed = command(book, "--dry-run", RECON_KIT_NOTIFY_CS=hook.url())

    assert code == 0 and hook.got == [] and records(book).is_empty()
    assert "收件：客服 · 渠道：JSON 1" in printed and "RECON_KIT_NOTIFY_FINANCE" in printed
    assert messages(book)[1]["cs"].body in printed and "附件：cs.xlsx" in printed and "s3cret" not in printed


def test_the_command_says_what_went_out_and_fails_where_a_channel_did(book):
    (book.out.parent / "recon.toml").write_text("[notify]\nretries = 0\n", encoding="utf-8")
    options = ("--config", str(book.out.parent / "recon.toml"))
    with web_hook() as hook, web_hook(500) as broken:
        named = {"RECON_KIT_NOTIFY_CS": hook.url(), "RECON_KIT_NOTIFY_FINANCE": broken.url()}
        code, printed = command(book, *options, **named)
        only, said = command(book, *options, "--owner", "客服", **named)

    assert code == 2 and "客服：已发 JSON 1" in printed
    assert "财务：JSON 1 没有发出（对方返回 500）" in printed and "s3cret" not in printed
    assert only == 0 and "已有同样的清单" in said


def test_without_any_channel_the_command_says_which_variables_to_set(book):
    code, printed = command(book)

    assert code == 2 and "RECON_KIT_NOTIFY_ALL" in printed and records(book).is_empty()
