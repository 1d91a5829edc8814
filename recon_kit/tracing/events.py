"""The rows of one order's life as one timeline: when, what, how much, in which state, from which file, matched with what."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

import polars as pl

from recon_kit.facts.platform import FINAL
from recon_kit.labels import phrase, value_label
from recon_kit.money import format_yuan
from recon_kit.pairs import PAIRS
from recon_kit.periods import TIMEZONE
from recon_kit.schema import TABLES, natural_key

EVENTS = {
    "platform": pl.String(),
    "order_id": pl.String(),
    "at": pl.Datetime("us", TIMEZONE),
    "table": pl.String(),
    "event": pl.String(),
    "id": pl.String(),
    "amount_fen": pl.Int64(),
    "status": pl.String(),
    "detail": pl.String(),
    "matched": pl.String(),
    "place": pl.String(),
}
"""One row an event, in time order; `amount_fen` signed as its table states it, null where the event has none."""
_ORDER = ("discount", "created", "paid", "payment")
Row = dict[str, Any]


def timeline(found: Mapping[str, pl.DataFrame], language: str) -> pl.DataFrame:
    """The events of one life (EVENTS without platform and order), undated ones last."""
    partners = _partners(found, language)
    rows = [
        {
            **event,
            "table": name,
            "place": f"{row['source_file']}:{row['source_row']}",
            "matched": _told(event, partners, name, row),
        }
        for name, maker in _MAKERS.items()
        for row in _keyed(name, found)
        for event in maker(row, language)
        if event["at"] is not None or name == "bank_rows"
    ]
    frame = pl.DataFrame(rows, schema={name: dtype for name, dtype in EVENTS.items() if name not in ("platform", "order_id")})
    place = pl.col("event").replace_strict({name: i for i, name in enumerate(_ORDER)}, default=9, return_dtype=pl.Int64)
    # a voucher states a day and no time: it comes after what happened on it
    when = pl.when(pl.col("event") == "voucher").then(pl.col("at").dt.offset_by("1d")).otherwise("at")
    return frame.sort(when, place, "table", "id", "place", nulls_last=True, maintain_order=True)


def shown_at(event: Row, style: str = "%Y-%m-%d %H:%M") -> str:
    """The time of an event as a reader sees it; of a voucher the day alone."""
    if event["at"] is None:
        return ""
    return str(event["at"].strftime(style.removesuffix(" %H:%M") if event["event"] == "voucher" else style))


def _keyed(name: str, found: Mapping[str, pl.DataFrame]) -> list[Row]:
    """The rows of a table with their natural key; a voucher is one row, its lines summed by account."""
    frame = found.get(name)
    if frame is None or frame.is_empty():
        return []
    keyed = frame.with_columns(natural_key(TABLES[name]).alias("row_key"))
    if name == "aftersales":
        keyed = keyed.with_columns(FINAL.alias("amount_fen"))
    if name != "voucher_lines":
        return keyed.to_dicts()
    line = pl.struct("account_name", "account", "debit_fen", "credit_fen")
    whole = keyed.sort("source_file", "source_row").group_by("period", "voucher_id", maintain_order=True)
    return whole.agg(
        pl.col("date", "summary", "source_file", "source_row").first(),
        pl.col("row_key").alias("row_keys"),
        pl.col("credit_fen").sum(),
        line.alias("lines"),
    ).to_dicts()


def _event(event: str, at: datetime | None, row: Row, key: str, **more: Any) -> Row:
    return {"event": event, "at": at, "id": row[key], "amount_fen": None, "status": None, "detail": None, **more}


def _value(table: str, column: str, value: str | None, language: str) -> str:
    """An enumeration's value in words."""
    if value is None:
        return ""
    return TABLES[table].column(column).allowed.get(value, value) if language == "zh" else value.replace("_", " ")


def _orders(row: Row, language: str) -> Iterator[Row]:
    status = _value("orders", "status", row["status"], language)
    kind = "" if row["kind"] in (None, "normal") else _value("orders", "kind", row["kind"], language)
    yield _event("created", row["created_at"], row, "order_id", detail=kind)
    yield _event("paid", row["paid_at"], row, "order_id", amount_fen=row["buyer_paid_fen"], status=status)
    yield _event("shipped", row["shipped_at"], row, "order_id")
    yield _event("completed", row["completed_at"], row, "order_id")


def _discounts(row: Row, language: str) -> Iterator[Row]:
    what = " · ".join(_value("order_discounts", name, row[name], language) for name in ("layer", "funder"))
    yield _event("discount", row["paid_at"], row, "order_id", amount_fen=row["amount_fen"], detail=what)


def _payments(row: Row, language: str) -> Iterator[Row]:
    status = _value("payments", "status", row["status"], language)
    channel = _value("payments", "channel", row["channel"], language)
    yield _event("payment", row["paid_at"], row, "pay_id", amount_fen=row["amount_fen"], status=status, detail=channel)


def _cases(row: Row, language: str) -> Iterator[Row]:
    what = _value("aftersales", "kind", row["kind"], language)
    reason = " · ".join(text for text in (what, row["reason"]) if text)
    yield _event("applied", row["applied_at"], row, "case_id", amount_fen=row["requested_fen"], detail=reason)
    yield _event("approved", row["approved_at"], row, "case_id", amount_fen=row["approved_fen"], detail=what)
    status = _value("aftersales", "platform_status", row["platform_status"], language)
    ended = row["completed_at"]
    if ended is None and row["platform_status"] == "success":
        ended = row["approved_at"] or row["applied_at"]
    yield _event("finished", ended, row, "case_id", amount_fen=row["amount_fen"], status=status, detail=what)


def _amendments(row: Row, language: str) -> Iterator[Row]:
    field = _value("aftersale_events", "field", row["field"], language)
    yield _event("amended", row["at"], row, "case_id", detail=f"{field} {row['old'] or '—'} → {row['new'] or '—'}")


def _flows(row: Row, language: str) -> Iterator[Row]:
    words = [_value("flows", name, row[name], language) for name in ("channel", "kind")]
    at = row["success_at"] or row["at"]
    status = _value("flows", "status", row["status"], language)
    yield _event("flow", at, row, "flow_id", amount_fen=row["amount_fen"], status=status, detail=" · ".join(words))


def _goods(row: Row, kind: str) -> str:
    what = [kind, f"{row['sku']} ×{row['qty']}", row["waybill"] or ""]
    return " · ".join(text for text in what if text)


def _shipments(row: Row, language: str) -> Iterator[Row]:
    detail = _goods(row, _value("shipments", "kind", row["kind"], language))
    yield _event("shipment", row["at"], row, "ship_id", detail=detail)


def _receipts(row: Row, language: str) -> Iterator[Row]:
    detail = _goods(row, _value("receipts", "grade", row["grade"], language))
    yield _event("received", row["received_at"], row, "return_id", detail=detail)
    yield _event("posted", row["stock_posted_at"], row, "return_id", amount_fen=row["posted_cost_fen"], detail=detail)


def _vouchers(row: Row, language: str) -> Iterator[Row]:
    sides = (("借", "贷") if language == "zh" else ("Dr", "Cr"), ("debit_fen", "credit_fen"))
    parts = [
        f"{side} {line['account_name'] or line['account']} {format_yuan(line[column])}"
        for line in row["lines"]
        for side, column in zip(*sides, strict=True)
        if line[column]
    ]
    day: date = row["date"]
    at = datetime(day.year, day.month, day.day, tzinfo=ZoneInfo(TIMEZONE))
    detail = " / ".join([row["summary"] or "", *parts]).strip(" /")
    yield _event("voucher", at, row, "voucher_id", amount_fen=row["credit_fen"] or None, detail=detail)


def _fees(row: Row, language: str) -> Iterator[Row]:
    detail = _value("fees", "kind", row["kind"], language)
    yield _event("fee", row["at"], row, "fee_id", amount_fen=row["amount_fen"], detail=detail)


def _complaints(row: Row, _language: str) -> Iterator[Row]:
    yield _event("complaint", row["opened_at"], row, "complaint_id", detail=row["kind"])
    yield _event("complaint_closed", row["closed_at"], row, "complaint_id", detail=row["kind"])


def _bank(row: Row, _language: str) -> Iterator[Row]:
    yield _event("bank", row["at"], row, "bank_id", amount_fen=row["amount_fen"])


_MAKERS = {
    "orders": _orders,
    "order_discounts": _discounts,
    "payments": _payments,
    "aftersales": _cases,
    "aftersale_events": _amendments,
    "flows": _flows,
    "shipments": _shipments,
    "receipts": _receipts,
    "voucher_lines": _vouchers,
    "fees": _fees,
    "complaints": _complaints,
    "bank_rows": _bank,
}
_MATCHED_AT = {"orders": "paid", "aftersales": "finished", "receipts": "received", "complaints": "complaint"}
"""Tables with several events a row: the event that says what the row is matched with."""


def _told(event: Row, partners: Mapping[tuple[str, str], list[str]], name: str, row: Row) -> str:
    if name in _MATCHED_AT and event["event"] != _MATCHED_AT[name]:
        return ""
    keys = row.get("row_keys") or [row["row_key"]]
    return "\n".join(dict.fromkeys(text for key in keys for text in partners.get((name, key), [])))


def _partners(found: Mapping[str, pl.DataFrame], language: str) -> dict[tuple[str, str], list[str]]:
    """(table, row key) → one text a pair: the rows beside it, by which pass, with the group's gap; or why there is none."""
    told: dict[tuple[str, str], list[str]] = {}
    matches = found["matches"].sort("pair", "group_id", "side", "row_key")
    for _, group in matches.group_by("pair", "group_id", maintain_order=True):
        rows = group.to_dicts()
        for row in rows:
            beside = [other["row_key"].split("|") for other in rows if other["side"] != row["side"]]
            ids = "、".join(dict.fromkeys(key[1] if len(key) > 1 else key[0] for key in beside))
            gap = phrase("trace", "says.gap", language, gap=format_yuan(row["gap_fen"], sign=True)) if row["gap_fen"] else ""
            by = value_label("pass", row["pass"], language) + gap
            text = phrase("trace", "says.matched", language, pair=_pair(row["pair"], language), with_=ids, by=by)
            told.setdefault((row["table"], row["row_key"]), []).append(text)
    # a line of a voucher that takes no part says nothing about the voucher
    for row in found["unmatched"].filter(pl.col("reason") != "excluded").sort("pair").to_dicts():
        reason = phrase("trace", f"reason.{row['reason']}", language)
        text = phrase("trace", "says.unmatched", language, pair=_pair(row["pair"], language), reason=reason)
        told.setdefault((row["table"], row["row_key"]), []).append(text)
    return told


def _pair(name: str, language: str) -> str:
    pair = PAIRS[name]
    return f"{name} {pair.zh if language == 'zh' else pair.en}"
