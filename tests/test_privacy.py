import polars as pl
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from recon_kit import schema
from recon_kit.money import format_yuan
from recon_kit.privacy import MASK, mask_frame, mask_text, mask_text_expr

ID_WEIGHTS = [2**i % 11 for i in range(17, 0, -1)]
mobiles = st.from_regex(r"1[3-9]\d{9}", fullmatch=True).filter(str.isascii)
order_ids = st.integers(10**16, 10**19 - 1).map(str)
dates = st.dates().map(str)
amounts = st.integers(-(10**11), 10**11).map(format_yuan)


@st.composite
def identity_cards(draw) -> str:
    body = f"{draw(st.integers(110000, 659999))}{draw(st.dates()):19%y%m%d}{draw(st.integers(0, 999)):03d}"
    return body + "10X98765432"[sum(int(digit) * weight for digit, weight in zip(body, ID_WEIGHTS, strict=True)) % 11]


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("买家13800138000要求退款", "买家***要求退款"),
        ("电话 138-0013-8000 / 138 0013 8000", "电话 *** / ***"),
        ("座机0571-88888888，(021)5888888", "座机***，***"),
        ("邮箱a.b+c@mail.example.com退款", "邮箱***退款"),
        ("身份证11010519491231002X", "身份证***"),
        ("卡号：6222 0212 3456 7890 123", "卡号：***"),
        ("退回账号6222021234567890", "退回账号***"),
        ("4111 1111 1111 1111", "***"),
        ("收货人：张三，改寄", "收货人：***，改寄"),
        ("户名欧阳修文", "户名***"),
        ("收件人 Tom_1 拒收", "收件人 Tom_1 拒收"),
        ("收件人：Tom_1 拒收", "收件人：*** 拒收"),
        ("浙江省杭州市西湖区文三路138号5幢201室", "***"),
        ("改寄 世纪大道100号2楼", "改寄 ***"),
    ],
)
def test_personal_data_in_free_text_is_masked(text, masked):
    assert mask_text(text) == masked


@pytest.mark.parametrize(
    "text",
    [
        "",
        "订单3310761902812769421 售后1180000000091838",
        "T200P3310761902812769421",
        "261003-662941284012610",
        "20882010000000000156",
        "110105194912310021",  # the length and the date of an identity card, not its check digit
        "4111 1111 1111 1112",  # fails Luhn
        "记-202610-00186",
        "2026-10-31 08:00:00 -1,234.50 ¥29.90",
        "买家申请退款，客户:不想要了",
        "原路退回10月3号",
        "市场区域活动推广",
        "户名不符",
    ],
)
def test_ids_amounts_dates_and_plain_words_stay(text):
    assert mask_text(text) == text


@given(
    mobile=mobiles, before=st.sampled_from(["", "电话", "tel:", "(", "买家 "]), after=st.sampled_from(["", "收", " ", "）", "。"])
)
def test_a_mobile_number_never_survives(mobile, before, after):
    assert mobile not in mask_text(before + mobile + after)


@given(card=identity_cards())
def test_an_identity_card_is_known_by_its_check_digit(card):
    wrong = card[:17] + str((int(card[17].replace("X", "10")) + 1) % 10)

    assert mask_text(f"证件{card}") == f"证件{MASK}"
    assert mask_text(f"证件{wrong}") == f"证件{wrong}"


@given(st.lists(st.one_of(order_ids.filter(lambda n: mask_text(n) == n), dates, amounts), max_size=4).map(" ; ".join))
def test_ids_amounts_and_dates_are_never_touched(text):
    assert mask_text(text) == text


@given(order_ids)
def test_a_bare_id_is_masked_only_when_it_passes_for_an_identity_card(number):
    assert mask_text(number) == number or len(number) == 18


PIECES = [
    *("收货人", "户名", "：", " ", "张", "三", "文三路", "138号", "杭州市", "浙江省", "西湖区", "市"),
    *("卡号", "a@b.co", "_", "-", "+", "***", "7"),
]
TEXTS = st.one_of(st.sampled_from(PIECES), mobiles, order_ids, identity_cards(), dates, st.text(max_size=3))


@example(["a@b.co", "13800138000"])
@example(["13800138000", " 1234 5678 9012"])
@given(
    st.lists(st.one_of(st.sampled_from(PIECES), mobiles, order_ids, identity_cards(), dates, st.text(max_size=3)), max_size=10)
)
def test_masking_twice_is_masking_once(pieces):
    once = mask_text("".join(pieces))

    assert mask_text(once) == once


def test_only_the_personal_columns_of_a_table_are_masked():
    rows = pl.DataFrame(
        {
            "bank_id": ["13800138000", "2"],
            "counterparty": ["张三丰", None],
            "memo": ["退张三 13800138000", None],
            "source_file": ["张三.csv", "b"],
        }
    )

    masked = mask_frame(rows, schema.BANK_ROWS)

    assert masked.to_dict(as_series=False) == {
        "bank_id": ["13800138000", "2"],
        "counterparty": ["张**", None],
        "memo": ["退张三 ***", None],
        "source_file": ["张三.csv", "b"],
    }
    assert mask_frame(masked, schema.BANK_ROWS).equals(masked)


def test_an_empty_frame_keeps_its_schema():
    for table in schema.TABLES.values():
        assert mask_frame(schema.empty(table), table).schema == schema.empty(table).schema


def test_a_column_is_masked_as_each_of_its_texts():
    texts = ["身份证11010519491231002X，4111 1111 1111 1111", None, "", "户名：李四", "退款 3310761902812769421"]

    masked = pl.DataFrame({"memo": texts}).select(mask_text_expr(pl.col("memo")))["memo"].to_list()

    assert masked == [None if text is None else mask_text(text) for text in texts]
