"""Fen: the only money type. Text becomes Int64 fen through one strict parser, and back through one formatter.

`1 yuan = 100 fen`. Nothing here rounds in silence: text that is not exact to the fen is null.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation

import polars as pl

from recon_kit.errors import SchemaError


def _amount_pattern(scale: int) -> str:
    """A plain decimal, or one with well-formed thousands separators; decimals beyond the scale only when they are zeros."""
    digits = 17 - scale
    return rf"^([+-]?)([0-9]{{1,{digits}}}|[0-9]{{1,3}}(?:,[0-9]{{3}}){{1,{digits // 3 - 1}}})(?:\.([0-9]{{0,{scale}}})0*)?$"


_AMOUNT = _amount_pattern(2)
_CURRENCY = r"^([+-]?)[¥￥]?([+-]?[0-9.,]+)元?$"
_BLANK = " \t\r\n\u00a0\u3000"
MAX_FEN = 10**17
"""Amounts from here on are refused, so that sums of a hundred rows cannot wrap Int64 in silence."""


def parse_yuan(text: str | None) -> int | None:
    """Return the fen of one yuan text, or None when it is not an amount exact to the fen.

    Accepts `29.9`, `1,234.50`, `¥12.00`, `12元`, `-3.00`, `0.60000`; refuses `12.345`, `1e5`, `(12.00)`, `NaN`.
    """
    if text is None:
        return None
    cleaned = re.match(_CURRENCY, text.strip(_BLANK))
    found = re.match(_AMOUNT, cleaned[1] + cleaned[2]) if cleaned else None
    if not found:
        return None
    whole = int(found[2].replace(",", ""))
    fen = whole * 100 + int((found[3] or "").ljust(2, "0"))
    return -fen if found[1] == "-" else fen


def parse_yuan_expr(column: pl.Expr, *, scale: int = 2) -> pl.Expr:
    """Vectorised `parse_yuan`: text → Int64 fen; null for null, blank, or anything not exact to the fen.

    With another `scale` (0 to 8 decimals) it counts in units of 10^-scale yuan.
    """
    text = column.str.strip_chars(_BLANK).str.replace(_CURRENCY, "$1$2")
    parts = text.str.extract_groups(_amount_pattern(scale))
    whole = parts.struct.field("2").str.replace_all(",", "", literal=True).cast(pl.Int64, strict=False)
    cents = pl.concat_str(pl.lit("0"), parts.struct.field("3").fill_null("").str.pad_end(scale, "0")).cast(pl.Int64, strict=False)
    fen = whole * 10**scale + cents
    return pl.when(parts.struct.field("1") == "-").then(-fen).otherwise(fen)


def format_yuan(fen: int | None, *, sign: bool = False) -> str:
    """Return fen as yuan text with thousands separators, `1,234.50`; an empty string for None."""
    if fen is None:
        return ""
    return format_units(fen, 2, sign=sign)


def format_yuan_expr(fen: pl.Expr) -> pl.Expr:
    """Fen as yuan text without thousands separators, `-1234.50`; null stays null."""
    sign = pl.when(fen < 0).then(pl.lit("-")).otherwise(pl.lit(""))
    whole, rest = fen.abs() // 100, fen.abs() % 100
    return pl.concat_str(sign, whole.cast(pl.String), pl.lit("."), rest.cast(pl.String).str.zfill(2))


def format_units(units: int, scale: int, *, sign: bool = False, separator: str = ",") -> str:
    """Return units of 10^-scale yuan as text with all their decimals, `1,234.50000`."""
    prefix = "-" if units < 0 else ("+" if sign and units > 0 else "")
    whole, rest = divmod(abs(units), 10**scale)
    grouped = f"{whole:,}".replace(",", separator)
    return f"{prefix}{grouped}.{rest:0{scale}d}" if scale else f"{prefix}{grouped}"


def parse_rate(text: str) -> Decimal:
    """Return a rate such as `0.13` or `13%` as an exact Decimal between 0 and 1; SchemaError otherwise."""
    try:
        rate = Decimal(text.rstrip("%")) / (100 if text.endswith("%") else 1)
    except InvalidOperation:
        rate = Decimal(-1)
    if rate.is_nan() or not 0 <= rate <= 1:
        raise SchemaError(f"rate {text!r}: expected a number between 0 and 1 such as 0.13, or a percentage such as 13%")
    return rate


def round_half_up(value: Decimal) -> int:
    """Round an exact fen value to whole fen, halves away from zero (四舍五入)."""
    return int(value.quantize(Decimal(1), rounding=ROUND_HALF_UP))


def allocate(total_fen: int, weights: Sequence[int]) -> list[int]:
    """Split `total_fen` in proportion to non-negative `weights`, to the fen, by largest remainder.

    The parts always sum to the total; equal remainders go to the earlier weight. All-zero weights count as equal.
    """
    if not weights or min(weights) < 0:
        raise SchemaError(f"allocate: weights {list(weights)!r}, expected at least one and none negative")
    shares = list(weights) if sum(weights) else [1] * len(weights)
    magnitude, base = abs(total_fen), sum(shares)
    parts = [magnitude * share // base for share in shares]
    by_remainder = sorted(range(len(shares)), key=lambda i: (-(magnitude * shares[i] % base), i))
    for index in by_remainder[: magnitude - sum(parts)]:
        parts[index] += 1
    return [-part for part in parts] if total_fen < 0 else parts
