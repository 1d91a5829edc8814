"""Stage 2: the catalogue as data, and detection: each rule is one expression over one frame of Facts."""

from __future__ import annotations

import hashlib
from functools import cache

import polars as pl

from recon_kit.facts import Facts
from recon_kit.facts.edits import SEALED_PERIOD
from recon_kit.periods import Period
from recon_kit.results import DISCREPANCIES, result_schema
from recon_kit.rules.approval import APPROVAL_RULES
from recon_kit.rules.books import BOOKS_RULES
from recon_kit.rules.catalogue import CATALOGUE, issue_group
from recon_kit.rules.complaints import COMPLAINT_RULES
from recon_kit.rules.control import CONTROL_RULES
from recon_kit.rules.discount import DISCOUNT_RULES
from recon_kit.rules.goods import GOODS_RULES
from recon_kit.rules.ledger import LEDGER_RULES
from recon_kit.rules.payment import PAYMENT_RULES
from recon_kit.rules.refund import REFUND_RULES
from recon_kit.rules.rule import Rule
from recon_kit.rules.settlement import SETTLEMENT_RULES
from recon_kit.schedule import is_due

__all__ = ["CATALOGUE", "RULES", "Rule", "detect", "discrepancy_id", "find_unaccrued", "not_checked", "not_scheduled"]

RULES: tuple[Rule, ...] = (
    *PAYMENT_RULES,
    *DISCOUNT_RULES,
    *REFUND_RULES,
    *LEDGER_RULES,
    *BOOKS_RULES,
    *GOODS_RULES,
    *SETTLEMENT_RULES,
    *COMPLAINT_RULES,
    *APPROVAL_RULES,
    *CONTROL_RULES,
)
"""Every rule this build detects, in the catalogue's family order."""

RELATED: dict[str, tuple[tuple[str, ...], str, str]] = {
    "L02": (("C04", "C01", "C02"), "case_id", "any"),
    "P01": (("A02",), "order_id", "same"),
    "A01": (("A02",), "order_id", "same"),
    "C05": (("A03",), "case_id", "same"),
    "C06": (("A03",), "case_id", "same"),
    "L05": (("C04", "C01"), "case_id", "any"),
    "L04": (("A03", "L11"), "case_id", "same"),
    "L07": (("L11",), "key", "same"),
    "C08": (("C05", "C07", "C03", "C11", "C12", "A03"), "order_id", "whole"),
}
"""Code → (codes it is related to, by which column, how much that one finding must explain: `any`, the `same` amount, the
`whole` of it). Source: precedence; rulings 15–17, 19."""


def not_scheduled(period: Period) -> list[str]:
    """The codes whose check is not due in a period of this kind; none in a month."""
    return [code for code, entry in CATALOGUE.items() if not is_due(entry.check, period)]


def not_checked(facts: Facts) -> dict[str, str]:
    """Code → the table whose absence kept it from being checked, of the codes that are due.

    K04 is not among them: without a closed period there is no row that could have changed since, whatever is supplied.
    """
    missing: dict[str, str] = {}
    due = _due(facts.scope.period)
    for rule in due:
        if absent := [table for table in rule.needs if table not in facts.supplied and table != SEALED_PERIOD]:
            missing.setdefault(rule.code, absent[0])
    return {
        code: missing[code] for code in sorted(missing) if all(r.code != code or not set(r.needs) <= facts.supplied for r in due)
    }


def detect(facts: Facts) -> pl.DataFrame:
    """All findings of what is due: the columns of `discrepancies` (without `why`), and `subject`, the row each is about.

    Grain: one row per finding. A finding that another explains carries that one's id as `primary_id`.
    """
    ready = [rule for rule in _due(facts.scope.period) if set(rule.needs) <= facts.supplied]
    found = [facts.frame(rule.source).lazy().filter(rule.when).select(_columns(rule)) for rule in ready]
    age = (pl.lit(facts.scope.as_of) - pl.col("event_at").dt.date()).dt.total_days()
    findings = pl.concat(pl.collect_all(found)).with_columns(age.alias("age_days"))
    findings = _identify(findings, facts.scope.config.entity.name)
    return _relate(findings).sort("code", "platform", "key", "discrepancy_id", nulls_last=True)


def _due(period: Period) -> list[Rule]:
    return [rule for rule in RULES if is_due(rule.check or CATALOGUE[rule.code].check, period)]


def find_unaccrued(facts: Facts) -> pl.DataFrame:
    """What CAS recognises at approval (L05), also where no ledger was supplied to lack it: the month's accruals, in full.

    Columns as `detect`; `is_stated` false: without a ledger these are no findings.
    """
    due = [rule for rule in RULES if rule.why in ("L05_cas", "L05_provision")]
    found = [facts.frame(rule.source).filter(rule.when).select(_columns(rule)) for rule in due]
    return _identify(pl.concat(found), facts.scope.config.entity.name).with_columns(pl.lit(value=False).alias("is_stated"))


_COLUMNS = {**result_schema(DISCREPANCIES), "subject": pl.String(), "id_text": pl.String()}


@cache
def _columns(rule: Rule) -> list[pl.Expr]:
    """What a finding of the rule says, in the columns of `_COLUMNS`; the same in every run, but for its age."""
    entry = CATALOGUE[rule.code]
    why = rule.why or rule.code
    gap = rule.gap if rule.gap is not None else rule.actual - rule.expected
    # All codes of one group share the id; A06 can stand on a case twice, once per leg, so its leg is part of it.
    group = f"{issue_group(rule.code)}|{why if rule.code == 'A06' else ''}|"
    found = {
        "code": pl.lit(rule.code),
        "key": rule.key,
        "key_kind": rule.key_kind if isinstance(rule.key_kind, pl.Expr) else pl.lit(rule.key_kind or entry.key_kind),
        "platform": rule.platform,
        "shop": rule.shop,
        "channel": rule.channel,
        "order_id": rule.order_id,
        "case_id": rule.case_id,
        "expected_fen": rule.expected,
        "actual_fen": rule.actual,
        "gap_fen": gap,
        "qty": rule.qty,
        "loss_fen": rule.loss,
        "nature": pl.lit(entry.nature),
        "severity": pl.lit(rule.severity or entry.severity),
        "owner": pl.lit(entry.owner),
        "event_at": rule.event_at,
        "breaks_on": rule.breaks_on,
        "why_key": pl.lit(why),
        "why_facts": pl.struct([fact.alias(name) for name, fact in rule.facts.items()]).struct.json_encode(),
        "evidence": pl.concat_list(rule.evidence),
        "subject": rule.subject,
        "id_text": pl.concat_str(pl.lit(group), rule.scope.fill_null(""), pl.lit("|"), rule.key, ignore_nulls=True),
    }
    return [found.get(name, pl.lit(None)).cast(dtype).alias(name) for name, dtype in _COLUMNS.items()]


def discrepancy_id(entity: str, id_text: str) -> str:
    """The stable id of a finding: a digest of entity, issue group, platform (channel, period) and natural key."""
    return "D" + hashlib.blake2b(f"{entity}|{id_text}".encode(), digest_size=8).hexdigest()


def _identify(findings: pl.DataFrame, entity: str) -> pl.DataFrame:
    """Give every finding its id; the same text twice (a key the sources repeat) is counted on."""
    nth = pl.int_range(pl.len()).over("id_text")
    text = pl.when(nth == 0).then("id_text").otherwise(pl.concat_str("id_text", pl.lit("|"), nth + 1))
    findings = findings.sort("id_text", "key", "gap_fen", "subject", nulls_last=True).with_columns(text.alias("id_text"))
    ids = pl.Series("discrepancy_id", [discrepancy_id(entity, t) for t in findings["id_text"]], dtype=pl.String)
    return findings.with_columns(ids).drop("id_text")


def _relate(findings: pl.DataFrame) -> pl.DataFrame:
    """Point each finding that another one explains to that one. Source: precedence; rulings 16 and 19."""
    codes = set(findings["code"])
    for code, (primaries, column, share) in RELATED.items():
        if code not in codes or codes.isdisjoint(primaries):
            continue
        gap = pl.col("gap_fen").abs()
        enough = {"any": pl.lit(True), "same": pl.col("by_gap") == gap, "whole": pl.col("by_gap") >= gap}[share]
        explains = findings.filter(pl.col("code").is_in(primaries) & pl.col(column).is_not_null()).select(
            "platform", column, pl.col("discrepancy_id").alias("by"), pl.col("gap_fen").abs().alias("by_gap")
        )
        found = (
            findings.filter(pl.col("code") == code)
            .join(explains, on=["platform", column], how="inner", validate="m:m")
            .filter(enough)
            .sort("discrepancy_id", "by_gap", "by")
            .unique("discrepancy_id", keep="last", maintain_order=True)
            .select("discrepancy_id", "by")
        )
        findings = (
            findings.join(found, on="discrepancy_id", how="left", validate="1:1")
            .with_columns(pl.coalesce("primary_id", "by").alias("primary_id"))
            .drop("by")
        )
    return _point_at_primaries(findings)


def _point_at_primaries(findings: pl.DataFrame) -> pl.DataFrame:
    """Let what is related to a related finding name the primary one itself."""
    next_of = dict(findings.drop_nulls("primary_id").select("discrepancy_id", "primary_id").iter_rows())
    if not next_of:
        return findings

    def root(found: str) -> str:
        return root(next_of[found]) if found in next_of else found

    roots = {found: root(by) for found, by in next_of.items()}
    named = pl.col("discrepancy_id").replace_strict(roots, default=None, return_dtype=pl.String)
    return findings.with_columns(named.alias("primary_id"))
