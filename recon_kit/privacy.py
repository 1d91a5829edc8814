"""Personal data: which columns hold it, and how it is masked before anything is shown or published.

`schema.Column.personal` says which columns: "name" is masked as a whole but for its first character (张**), "text" is free
text that may quote a person and is scrubbed. Ids, amounts and dates stay as they are: a number is taken for a card or an
identity card only with its check digit or the word before it, because order and case numbers are as long. Masking twice
is masking once. Basis: 个人信息保护法 (PIPL), art. 5 and 51.
"""

from __future__ import annotations

import polars as pl

from recon_kit.schema import Table

MASK = "***"

# (?-u:\b) is a boundary of ASCII words: 中文 may touch the number, letters and digits may not.
_EMAIL = r"[A-Za-z0-9._%+-]+@[A-Za-z0-9-]+\.[A-Za-z0-9._-]+"
_MOBILE = r"(?-u:\b)(?:86[- ]?)?1[3-9][0-9][- ]?[0-9]{4}[- ]?[0-9]{4}(?-u:\b)"
_LANDLINE = r"(?-u:\b)0[1-9][0-9]{1,2}-[0-9]{7,8}(?:-[0-9]{1,6})?(?-u:\b)|[(（]0[1-9][0-9]{1,2}[)）] ?[0-9]{7,8}(?-u:\b)"
_IDENTITY_CARD = r"(?-u:\b)[1-9][0-9]{5}(?:19|20)[0-9]{2}(?:0[1-9]|1[0-2])(?:0[1-9]|[12][0-9]|3[01])[0-9]{3}[0-9Xx](?-u:\b)"
_CARD_BY_WORD = r"((?:卡号|银行卡|储蓄卡|信用卡|账号|帐号|收款账户)[为是:： ]*)[0-9](?:[ -]?[0-9]){15,18}(?-u:\b)"
_CARD_IN_GROUPS = r"(?-u:\b)[0-9]{4}(?:[ -][0-9]{4}){3}(?:[ -]?[0-9]{1,3})?(?-u:\b)"

_HAN = r"\p{Han}"
_STREET = r"(?:路|街|大道|巷|弄|胡同|村|小区|花园|苑|大厦|广场|公寓)"
_DOOR = r"[0-9]{1,5}(?:[-－][0-9]{1,5})?(?:号|弄|栋|幢|座|室|单元|楼|层)"
_DISTRICT = r"(?:区|县|旗|市|镇|乡|街道)"
_ADDRESS = (
    rf"{_HAN}{{2,7}}(?:省|自治区){_HAN}{{2,7}}(?:市|州|盟){_HAN}{{1,8}}{_DISTRICT}[{_HAN}A-Za-z0-9_#－-]*"
    rf"|(?:北京|上海|天津|重庆)市?{_HAN}{{1,6}}区[{_HAN}A-Za-z0-9_#－-]*"
    rf"|(?:{_HAN}{{2,7}}市)?(?:{_HAN}{{1,6}}{_DISTRICT})?{_HAN}{{1,6}}{_STREET}{_DOOR}"
    rf"(?:(?:{_HAN}{{1,10}}{_STREET})?[A-Za-z0-9#－-]*{_DOOR})*"
)

_LABELLED_NAME = r"((?:收货人|收件人|联系人|持卡人|姓名|户名|会员名|昵称|旺旺)(?:ID|号)?[ ]*[:：][ ]*)[^\s,，。;；、*]+"
_SURNAMES = (
    "王李张刘陈杨黄赵吴周徐孙马朱胡郭何林罗郑梁谢宋唐许韩冯邓曹彭曾肖田董袁潘蒋蔡余杜叶程苏魏吕丁任沈姚卢姜崔钟谭陆汪范"
    "廖贾夏韦付邹孟熊秦邱江尹薛闫段雷侯龙史陶黎贺顾毛郝龚邵钱严覃武戴莫孔汤"
)
_BARE_NAME = rf"(?:[{_SURNAMES}]|欧阳|上官|司马|诸葛|皇甫|令狐){_HAN}{{1,2}}"
_NAME = rf"((?:收货人|收件人|联系人|持卡人|姓名|户名|买家|客户)[是为:： ]*){_BARE_NAME}"


def mask_frame(frame: pl.DataFrame, table: Table) -> pl.DataFrame:
    """Return `frame` with the personal columns of `table` masked; columns it does not have, and nulls, stay as they are."""
    stated = {name for name in frame.columns if frame[name].null_count() < frame.height}
    kinds = {column.name: column.personal for column in table.columns if column.personal and column.name in stated}
    return frame.with_columns(
        mask_name_expr(pl.col(name)) if kind == "name" else mask_text_expr(pl.col(name)) for name, kind in kinds.items()
    )


def mask_text(text: str) -> str:
    """`mask_text_expr` for one text, such as a message or a cell in quarantine."""
    return str(pl.select(mask_text_expr(pl.lit(text))).item())


def mask_figure_expr(column: pl.Expr) -> pl.Expr:
    """`mask_text_expr` for what stands where a figure or a date belongs: shifted columns put a bare name there, 张三 → 张**."""
    return pl.when(column.str.contains(f"^{_BARE_NAME}$")).then(mask_name_expr(column)).otherwise(mask_text_expr(column))


def mask_name_expr(column: pl.Expr) -> pl.Expr:
    """Mask a whole value but for its first character: 张三丰 → 张**. Empty and null stay."""
    return column.str.replace(r"(?s)^(.).*$", "${1}**")


def mask_text_expr(column: pl.Expr) -> pl.Expr:
    """Scrub free text of telephone numbers, e-mail, identity and bank cards, addresses, and names after words such as 收货人."""
    return (
        column.str.replace_all(_EMAIL, MASK)
        .str.replace_all(_CARD_BY_WORD, "${1}" + MASK)
        .pipe(_mask_checked_numbers)
        .str.replace_all(_MOBILE, MASK)
        .str.replace_all(_LANDLINE, MASK)
        .str.replace_all(_LABELLED_NAME, "${1}" + MASK)
        .str.replace_all(_NAME, "${1}" + MASK)
        .str.replace_all(_ADDRESS, MASK)
    )


def _mask_checked_numbers(column: pl.Expr) -> pl.Expr:
    """Mask the numbers whose check digit is right: cut the text into candidates and single characters, judge, and join."""
    pattern = f"{_IDENTITY_CARD}|{_CARD_IN_GROUPS}"
    candidate = pl.when(column.str.contains(pattern)).then(column)
    piece = pl.element()
    is_card = piece.str.contains("[ -]") & _passes_luhn(piece)
    judged = pl.when(is_card | _has_identity_check_digit(piece)).then(pl.lit(MASK)).otherwise(piece)
    return pl.coalesce(candidate.str.extract_all(f"{pattern}|(?s:.)").list.eval(judged).list.join(""), column)


def _has_identity_check_digit(text: pl.Expr) -> pl.Expr:
    """GB 11643: the last of 18 characters follows from Σ digit × 2^(17−i) mod 11 over the others."""
    number = text.str.head(17).cast(pl.UInt64, strict=False)
    total = pl.sum_horizontal(number // 10**i % 10 * (2 ** (i + 1) % 11) for i in range(17))
    expected = pl.lit("10X98765432").str.slice(total % 11, 1)
    return (text.str.len_chars() == 18) & (text.str.slice(17).str.to_uppercase() == expected)


def _passes_luhn(text: pl.Expr) -> pl.Expr:
    """Every second digit from the right doubled, digits of the products summed: divisible by ten."""
    number = text.str.replace_all("[^0-9]", "").cast(pl.UInt64, strict=False)
    digits = [number // 10**i % 10 for i in range(19)]
    return pl.sum_horizontal(digit * 2 - digit // 5 * 9 if i % 2 else digit for i, digit in enumerate(digits)) % 10 == 0
