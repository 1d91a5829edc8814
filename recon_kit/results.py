"""Result tables: what a run writes beside the canonical tables. Columns, types and labels, as constants.

Same conventions as `schema`. Columns that the contract does not name (`why_key`, `why_facts`, `amount_fen` …) are
explained in docs/method.md.
"""

from __future__ import annotations

import polars as pl

from recon_kit.compare import CHANGES
from recon_kit.schema import AFTERSALES, CHANNEL, DTYPES, Column, Table

NATURE = {"timing": "时间性", "break": "差异", "rounding": "尾差", "control": "控制", "data": "数据"}
SEVERITY = {"info": "提示", "low": "低", "medium": "中", "high": "高", "critical": "严重"}
OWNER = {
    "platform": "平台申诉",
    "cs": "客服",
    "warehouse": "仓储",
    "finance": "财务",
    "operations": "运营",
    "customer": "客户追索",
    "tax": "税务",
    "audit": "内审",
    "data": "数据",
}
VERDICT = {"incomplete": "不完整", "breaks": "有差异", "warnings": "有警告", "pending": "在途待清", "reconciled": "已对平"}
"""Verdicts of a run, worst first."""

DISCREPANCIES = Table(
    "discrepancies",
    "差异",
    (
        Column("discrepancy_id", "差异编号", key=True, note="hash of entity, issue group and natural key; stable for life"),
        Column("code", "码"),
        Column("key", "键值", note="composite keys joined by |"),
        Column("key_kind", "键类型"),
        Column("primary_id", "主差异编号", note="null for a primary finding; else the finding it is related to"),
        Column("platform", "平台"),
        Column("shop", "店铺"),
        Column("channel", "渠道"),
        Column("order_id", "订单编号"),
        Column("case_id", "售后编号"),
        Column("expected_fen", "应为", "fen"),
        Column("actual_fen", "实为", "fen"),
        Column("gap_fen", "差额", "fen", note="actual − expected"),
        Column("qty", "数量", "int"),
        Column("loss_fen", "成本损失", "fen", note="at cost"),
        Column("nature", "性质", allowed=NATURE),
        Column("severity", "级别", allowed=SEVERITY),
        Column("owner", "责任方", allowed=OWNER),
        Column("event_at", "发生时间", "instant"),
        Column("age_days", "账龄(天)", "int"),
        Column("breaks_on", "转为差异日", "date", note="date on which a timing item becomes a break"),
        Column("why", "原因说明", note="one sentence, in the run's language"),
        Column("why_key", "说明模板", note="template of the sentence in templates/why.toml"),
        Column("why_facts", "说明数据", note="JSON object of the facts that fill the template; money in fen"),
        Column("evidence", "证据", "list", note="file:row of every source row it rests on"),
    ),
)
MATCHES = Table(
    "matches",
    "匹配",
    (
        Column("pair", "配对"),
        Column("group_id", "组号"),
        Column("side", "侧", allowed={"left": "左", "right": "右"}),
        Column("table", "表"),
        Column("row_key", "行键"),
        Column("pass", "匹配规则"),
        Column("verdict", "结论", allowed={"matched": "匹配", "in_tolerance": "容差内"}),
        Column("gap_fen", "差额", "fen", note="Σ right − Σ left of the whole group, on each of its rows"),
        Column("amount_fen", "金额", "fen", note="the row's own amount as the pair compares it"),
    ),
)
UNMATCHED = Table(
    "unmatched",
    "未匹配",
    (
        Column("pair", "配对"),
        Column("side", "侧", allowed={"left": "左", "right": "右"}),
        Column("table", "表"),
        Column("row_key", "行键"),
        Column(
            "reason",
            "原因",
            allowed={"no_counterpart": "无对应", "ambiguous": "不唯一", "outside_window": "超出窗口", "excluded": "不参与"},
        ),
        Column("amount_fen", "金额", "fen", note="the row's own amount as the pair compares it"),
    ),
)
BRIDGE = Table(
    "bridge",
    "对账桥",
    (Column("line", "行"), Column("label", "项目"), Column("amount_fen", "金额", "fen"), Column("n", "笔数", "int")),
)
BRIDGE_ITEMS = Table(
    "bridge_items",
    "对账桥明细",
    (
        Column("line", "行"),
        Column("discrepancy_id", "差异编号", note="null: declared timing or the line's own population"),
        Column("key", "键值"),
        Column("amount_fen", "金额", "fen"),
    ),
)
KPIS = Table(
    "kpis",
    "指标",
    (
        Column("kpi", "指标"),
        Column("dimension", "维度"),
        Column("member", "成员"),
        Column("numerator", "分子", "int"),
        Column("denominator", "分母", "int"),
        Column("unit", "单位", allowed={"count": "笔", "fen": "分", "hours": "小时"}),
        Column("value", "值", "float", note="numerator over denominator; null where the denominator is 0"),
        Column("base", "口径"),
        Column("date_basis", "时间口径"),
        Column("as_of", "截至", "date"),
        Column("is_mature", "是否成熟", "bool"),
    ),
)
KPI_MOVEMENTS = Table(
    "kpi_movements",
    "指标变动",
    (
        Column("kpi", "指标"),
        Column("dimension", "维度"),
        Column("member", "成员"),
        Column("numerator_before", "上期分子", "int"),
        Column("denominator_before", "上期分母", "int"),
        Column("numerator", "分子", "int"),
        Column("denominator", "分母", "int"),
        Column("movement", "变动", "int", note="numerator − numerator_before, in the KPI's unit"),
        Column("volume", "量的影响", "int", note="what the change of the denominator moves at the old rate"),
        Column("rate", "率的影响", "int", note="movement − volume"),
    ),
)
BUCKETS = {"0-3": 3, "4-7": 7, "8-15": 15, "16-30": 30, "31-60": 60, "61-90": 90, ">90": None}
"""Bucket of age → its last day. Source: docs/method.md, open items."""
KPI_TREND = Table(
    "kpi_trend",
    "指标走势",
    (
        Column("kpi", "指标"),
        Column("period", "会计期间"),
        Column("numerator", "分子", "int"),
        Column("denominator", "分母", "int"),
        Column("value", "值", "float"),
        Column(
            "source",
            "来源",
            allowed={"computed": "本次计算", "kept": "指标历史"},
            note="of the tables loaded, or as kpi_history states",
        ),
        Column("is_mature", "是否成熟", "bool"),
    ),
)
LEG = {"ties": "相符", "pending": "在途", "broken": "不符", "not_checked": "未查", "none": "无"}
CASE_FILE = Table(
    "case_file",
    "售后档案",
    (
        Column("platform", "平台"),
        Column("shop", "店铺"),
        Column("case_id", "售后编号"),
        Column("order_id", "订单编号"),
        AFTERSALES.column("kind"),
        AFTERSALES.column("platform_status"),
        Column("amount_fen", "金额", "fen"),
        Column("applied_at", "申请时间", "instant"),
        Column("done_at", "完结时间", "instant"),
        Column("money", "资金", allowed=LEG),
        Column("money_until", "资金待到", "date", note="when what is pending becomes a break"),
        Column("goods", "货物", allowed=LEG),
        Column("goods_until", "货物待到", "date"),
        Column("ledger", "账务", allowed=LEG),
        Column("fee", "费用", allowed=LEG),
        Column("discount", "优惠", allowed=LEG),
        Column("findings", "差异码", "list"),
        Column("vouchers", "凭证", "list"),
        Column("attachments", "附件数", "int"),
        Column(
            "approval",
            "审批",
            allowed={
                "approved": "已审核",
                "automatic": "限额内自动",
                "platform": "平台判定",
                "missing": "缺审批",
                "none": "无需",
            },
        ),
        Column("is_of_period", "本期完结", "bool", note="it ended in the period"),
        Column("is_complete", "是否完整", "bool", note="ended, every leg ties or is none, approved, its vouchers named"),
    ),
)
CAUSE = {"people": "人", "process": "流程", "system": "系统", "platform": "平台", "data": "数据"}
"""Root causes."""
ITEM_STATUS = {"open": "未清", "explained": "已说明", "cleared": "已清", "closed": "已关闭", "written_off": "已核销"}
BUCKETS = {"0-3": 3, "4-7": 7, "8-15": 15, "16-30": 30, "31-60": 60, "61-90": 90, ">90": None}
"""Bucket of age → its last day. Source: docs/method.md, open items."""
OPEN_ITEMS = Table(
    "open_items",
    "未清项",
    (
        Column("discrepancy_id", "差异编号", key=True),
        Column("code", "码"),
        Column("key", "键值"),
        Column("key_kind", "键类型"),
        Column("nature", "性质", allowed=NATURE),
        Column("severity", "级别", allowed=SEVERITY),
        Column("owner", "责任方", allowed=OWNER),
        Column("platform", "平台"),
        Column("shop", "店铺"),
        Column("channel", "渠道"),
        Column("order_id", "订单编号"),
        Column("case_id", "售后编号"),
        Column("first_period", "首见期间"),
        Column("first_seen_on", "首见日", "date", note="as-of day of the run that opened it"),
        Column("event_on", "发生日", "date"),
        Column("breaks_on", "转为差异日", "date"),
        Column("amount_fen", "金额", "fen", note="the gap without sign; 0 where the code has none"),
        Column("remaining_fen", "未清金额", "fen", note="0 once cleared, closed or written off"),
        Column("age_days", "账龄(天)", "int", note="from the event, else from first seen, to the period's end"),
        Column("bucket", "账龄段", allowed={name: f"{name} 天" for name in BUCKETS}),
        Column("status", "状态", allowed=ITEM_STATUS),
        Column("origin", "来源", allowed={"opening": "上期结转", "new": "本期新增"}),
        Column("is_found", "本期查出", "bool", note="false: carried, because this run could not judge it or it has ended"),
        Column(
            "cleared_how",
            "清账依据",
            allowed={
                "match": "对上另一方",
                "ledger": "账簿已补齐",
                "entry": "建议分录已入账",
                "source": "来源已更正",
                "related": "并入另一差异",
                "decision": "人工决定",
            },
        ),
        Column("cleared_by", "清账凭据", note="what cleared it, with file:row; for a decision, who"),
        Column("cleared_on", "清账日", "date"),
        Column("assigned_to", "经办人"),
        Column("explanation", "说明", note="as the person in charge gave it; masked"),
        Column("cause", "根本原因", allowed=CAUSE),
        Column("due_on", "应答日", "date", note="first seen, or the day a timing item breaks, and the owner's days"),
        Column("is_overdue", "是否逾期", "bool", note="open after due_on"),
        Column("is_escalated", "是否上报", "bool", note="open for more than 30 days"),
        Column("is_write_off_due", "建议核销", "bool", note="open for more than 90 days"),
    ),
)
CARRY_FORWARD = Table(
    "carry_forward",
    "未清项滚动",
    (
        Column("code", "码", key=True, note="all: the total"),
        Column("opening_n", "期初项数", "int"),
        Column("new_n", "新增项数", "int", note="first found in the period, or reopened in it"),
        Column("recoded_n", "换码项数", "int", note="carried items that changed their code; the total is 0"),
        Column("cleared_n", "清账项数", "int", note="cleared or closed"),
        Column("written_off_n", "核销项数", "int"),
        Column("closing_n", "期末项数", "int"),
        Column("opening_fen", "期初金额", "fen"),
        Column("new_fen", "新增金额", "fen"),
        Column("recoded_fen", "换码金额", "fen"),
        Column("changed_fen", "金额变动", "fen", note="of carried items whose amount changed"),
        Column("cleared_fen", "清账金额", "fen"),
        Column("written_off_fen", "核销金额", "fen"),
        Column("closing_fen", "期末金额", "fen", note="opening + new + recoded + changed − cleared − written off"),
    ),
)
DECISION = {
    "assigned": "分派",
    "commented": "备注",
    "explained": "说明",
    "cause": "定因",
    "action": "措施",
    "attached": "附证据",
    "written_off": "申请核销",
    "approved": "批准",
    "rejected": "驳回",
    "closed": "关闭",
    "reopened": "重开",
    "sealed": "结账",
}
DECISIONS = Table(
    "decisions",
    "案卷决定",
    (
        Column("number", "序号", "int", key=True, note="of the event in the casebook"),
        Column("decided_at", "时间", "instant"),
        Column("decided_by", "决定人"),
        Column("decision", "决定", allowed=DECISION),
        Column("subject", "对象", note="a discrepancy_id, an entry_id, or period:2026-09 for a month that was closed"),
        Column("discrepancy_id", "差异编号", note="of an entry: the first it answers; null for a period"),
        Column("code", "码"),
        Column("key", "键值"),
        Column("shop", "店铺"),
        Column("owner", "责任方", allowed=OWNER),
        Column("amount_fen", "金额", "fen", note="the item's gap without sign, or what the entry moves"),
        Column("cause", "根本原因", allowed=CAUSE),
        Column("detail", "内容", note="whom it was given to, or what will be done; masked"),
        Column("why", "理由", note="masked"),
        Column("period", "会计期间", note="the period the decision belongs to"),
    ),
)
ACTIONS = Table(
    "actions",
    "措施",
    (
        Column("discrepancy_id", "差异编号", key=True),
        Column("what", "措施", key=True, note="masked"),
        Column("code", "码"),
        Column("key", "键值"),
        Column("shop", "店铺"),
        Column("who", "负责人"),
        Column("due_on", "期限", "date"),
        Column("agreed_on", "议定日", "date"),
        Column("agreed_by", "议定人"),
        Column("is_done", "已完成", "bool"),
        Column("done_on", "完成日", "date", note="day on which it was said to be done"),
        Column("is_overdue", "逾期", "bool", note="not done, and due before the period's end or as-of"),
    ),
)
EARLIER_ITEMS = Table(
    "earlier_items",
    "以前各期的差异",
    (
        Column("discrepancy_id", "差异编号", key=True),
        Column("code", "码"),
        Column("key", "键值"),
        Column("owner", "责任方", allowed=OWNER),
        Column("platform", "平台"),
        Column("shop", "店铺"),
        Column("first_period", "首见期间"),
        Column("first_seen_on", "首见日", "date"),
        Column("event_on", "发生日", "date"),
        Column("amount_fen", "金额", "fen", note="the gap without sign"),
        Column("status", "状态", allowed=ITEM_STATUS, note="as of the start of the run's period"),
        Column("assigned_to", "经办人"),
        Column("explanation", "说明", note="masked"),
        Column("cause", "根本原因", allowed=CAUSE),
        Column("cleared_by", "清账凭据"),
        Column("cleared_on", "清账日", "date"),
    ),
)
PASS_AUDIT = Table(
    "pass_audit",
    "匹配规则审计",
    (
        Column("pair", "配对"),
        Column("step", "次序", "int"),
        Column("pass", "匹配规则"),
        Column("n_groups", "组数", "int", note="0: the pass matched nothing"),
        Column("n_rows", "行数", "int"),
        Column("amount_fen", "金额", "fen", note="of the left rows it placed; of the right ones where it placed no left row"),
        Column("n_in_tolerance", "容差内行数", "int"),
    ),
)
TOLERANCE_AUDIT = Table(
    "tolerance_audit",
    "容差审计",
    (
        Column("pair", "配对"),
        Column("shop", "店铺"),
        Column("pass", "匹配规则"),
        Column("n", "组数", "int"),
        Column("forgiven_fen", "容忍金额", "fen", note="without sign"),
        Column("net_fen", "净额", "fen", note="with sign: not near zero means that the gaps lean to one side"),
        Column("n_over", "偏大", "int"),
        Column("n_under", "偏小", "int"),
    ),
)
LIMIT_CURVE = Table(
    "limit_curve",
    "容差与窗口曲线",
    (
        Column("pair", "配对"),
        Column("kind", "种类", allowed={"tolerance": "容差(分)", "window": "窗口(天)"}),
        Column("limit", "界限", "int"),
        Column("n", "超出数", "int"),
        Column("amount_fen", "金额", "fen"),
    ),
)
LEDGER_TIES = Table(
    "ledger_ties",
    "账簿关联",
    (
        Column(
            "how",
            "依据",
            allowed={
                "column": "关联单号列",
                "text": "摘要里的单号",
                "day_total": "按日合计",
                "month_total": "按月合计",
                "none": "没有依据",
            },
        ),
        Column("n_lines", "分录数", "int", note="lines on the gross accounts in the period that book refunds"),
        Column("n_tied", "对上分录数", "int"),
        Column("amount_fen", "金额", "fen", note="credit − debit"),
        Column("tied_fen", "对上金额", "fen"),
    ),
)
TAX_BASIS = Table(
    "tax_basis",
    "计税基础",
    (
        Column(
            "part",
            "部分",
            note="what the refunds of C0 were booked on",
            allowed={
                "sales": "冲减收入与销项税",
                "expense": "计入费用",
                "provision": "冲预计负债",
                "accrual": "计提未涉损益",
                "release": "转回未涉损益",
                "unknown": "其他科目或未说明",
            },
        ),
        Column("rate", "税率", note="null: goods of several rates in one booking, or no tax in it"),
        Column(
            "red_letter",
            "红字",
            allowed={"red": "贷方红字", "debit": "借方冲减", "mixed": "两者都有", "undone": "冲回(贷方蓝字)"},
            note="how revenue and tax were reversed: in red on their own side, or by debits",
        ),
        Column("shop", "店铺"),
        Column("sales_fen", "冲减销售额", "fen", note="without VAT; positive when reversed"),
        Column("vat_fen", "冲减销项税额", "fen", note="as booked"),
        Column("vat_due_fen", "应冲销项税额", "fen", note="as the rate says, in what was reversed"),
        Column("gross_fen", "价税合计", "fen", note="Σ over all rows = C0 of the bridge"),
        Column("n", "笔数", "int", note="bookings: one per voucher and refund"),
    ),
)
SELFTEST = Table(
    "selftest",
    "自检",
    (
        Column("code", "码", key=True),
        Column(
            "state",
            "结果",
            allowed={
                "found": "全部查出",
                "missed": "有漏查",
                "no_room": "无处可植",
                "not_checked": "未检查",
                "not_due": "本期不做",
                "not_tried": "副本不够",
                "left_out": "不在自检内",
            },
            note="one row per code of the catalogue; no row at all: the self-test was not run",
        ),
        Column("n_planted", "植入", "int", note="in copies of the period's own tables"),
        Column("n_found", "查出", "int", note="with the code, the key and the amounts it was planted with"),
        Column("n_missed", "漏查", "int"),
        Column("n_false", "误报", "int", note="findings of this code that are neither the period's own nor planted"),
        Column("n_lost", "丢失", "int", note="findings of this code that the period has and the copy no longer had"),
        Column("recall", "查出率", "float", note="found over planted; null where nothing was planted"),
        Column("needs", "缺什么", note="not_checked: the table; no_room: what there is none of (labels.toml, room)"),
        Column("missed", "漏查的键", "list"),
        Column("false_keys", "误报的键", "list"),
        Column("lost", "丢失的键", "list"),
    ),
)
ADJUSTMENTS = Table(
    "adjustments",
    "建议分录",
    (
        Column("entry_id", "分录编号", key=True, note="hash of entity, period, effect and the findings answered; stable"),
        Column("discrepancy_id", "差异编号", note="the finding it is proposed for; null: an ordinary booking"),
        Column("standard", "会计准则", allowed={"CAS": "企业会计准则", "SBE": "小企业会计准则"}),
        Column("date", "凭证日期", "date"),
        Column("period", "会计期间"),
        Column(
            "effect",
            "性质",
            allowed={
                "correction": "更正",
                "accrual": "计提",
                "reclass": "重分类",
                "reversal": "转回",
                "booking": "日常入账",
            },
        ),
        Column("line_no", "分录号", "int", key=True),
        Column("account", "科目编码"),
        Column("account_name", "科目名称"),
        Column("debit_fen", "借方金额", "fen", note="red-letter is negative"),
        Column("credit_fen", "贷方金额", "fen", note="red-letter is negative"),
        Column("memo", "摘要", note="begins with the entry's id, by which the booked voucher is known again"),
        Column("code", "码", note="of the finding it is proposed for"),
        Column("answers", "回应差异", "list", note="every finding it answers, its own first"),
        Column("shop", "店铺"),
        Column("ref_kind", "关联类型", note="what the line books, as in voucher_lines"),
        Column("ref_id", "关联单号"),
    ),
)
BOOKED_ENTRIES = Table(
    "booked_entries",
    "已入账分录",
    (
        Column("entry_id", "分录编号", key=True),
        Column("period", "会计期间", key=True),
        Column("voucher_id", "凭证字号", key=True, note="the voucher whose 摘要 names the entry"),
        Column("date", "凭证日期", "date"),
    ),
)
INTAKE = Table(
    "intake",
    "收表记录",
    (
        Column("file", "文件"),
        Column("layout", "版式"),
        Column("table", "表"),
        Column("rows_read", "读入行", "int"),
        Column("rows_loaded", "载入行", "int"),
        Column("rows_quarantined", "隔离行", "int"),
        Column("rows_duplicate", "重复行", "int"),
        Column("first_at", "最早时间", "instant"),
        Column("last_at", "最晚时间", "instant"),
        Column("layout_zh", "识别为", note="the layout's 中文 name"),
        Column("layout_en", "识别为（英文）", note="the layout's English name"),
        Column("exported_at", "导出时间", "instant", note="as the file states it; null where it does not"),
        Column("latest_at", "最新时刻", "instant", note="latest instant of any kind in its rows: it is no older than that"),
        Column(
            "control_stated", "声明合计", note="JSON object measure → stated, in the file's own words; null when it states none"
        ),
        Column("control_found", "实际合计", note="JSON object measure → found"),
        Column("sha256", "校验和"),
    ),
)
QUARANTINE = Table(
    "quarantine",
    "隔离区",
    (
        Column("file", "文件"),
        Column("row", "行", "int"),
        Column("column", "列"),
        Column("value", "值", note="masked where personal"),
        Column("reason", "原因"),
        Column("amount_fen", "金额", "fen", note="the row's own; null where the row or its table has none that can be read"),
    ),
)
CONTROLS = Table(
    "controls",
    "控制合计",
    (
        Column("file", "文件"),
        Column("member", "成员", note="the file, or the member of a zip"),
        Column("measure", "合计项", note="in the file's own words"),
        Column("unit", "单位", allowed={"fen": "分", "count": "笔"}),
        Column("stated", "文件声明", "int"),
        Column("found", "实际读得", "int"),
    ),
)
COVERAGE = Table(
    "coverage",
    "账单覆盖",
    (
        Column("file", "文件"),
        Column("layout", "版式"),
        Column("table", "表"),
        Column("channel", "渠道", allowed=CHANNEL),
        Column("account", "账户"),
        Column("starts_at", "覆盖自", "instant", note="as the bill states it, half-open; null where it states none"),
        Column("ends_at", "覆盖至", "instant"),
        Column("exported_at", "导出时间", "instant"),
        Column("first_at", "最早时间", "instant"),
        Column("last_at", "最晚时间", "instant"),
    ),
)
COVERAGE_GAPS = Table(
    "coverage_gaps",
    "缺失时段",
    (
        Column("file", "文件", note="the file beside the gap"),
        Column("channel", "渠道", allowed=CHANNEL),
        Column("account", "账户"),
        Column("gap_from", "缺失自", "instant"),
        Column("gap_until", "缺失至", "instant", note="half-open"),
    ),
)
INTAKE_DAYS = Table(
    "intake_days",
    "逐日行数",
    (
        Column("file", "文件"),
        Column("day", "日期", "date", note="null: its table has no date, or the row is in quarantine"),
        Column("n", "行数", "int", note="rows read, also those that turn out to be repeated"),
    ),
)
RESTATEMENT = Table(
    "restatement",
    "重述",
    (
        Column(
            "area",
            "部分",
            allowed={
                "settings": "文件与设置",
                "rows": "源数据行",
                "discrepancies": "差异",
                "bridge": "对账桥",
                "bridge_items": "对账桥明细",
                "kpis": "指标",
            },
        ),
        Column("table", "表", note="of a source row"),
        Column("key", "键值", note="what moved: name, natural key, code with key and id, line, line and key, KPI"),
        Column("change", "变动", allowed=CHANGES),
        Column("columns", "变动列", "list"),
        Column("sealed", "封存时", note="in words, the changed columns only; of a line the number of items"),
        Column("today", "现在"),
        Column("sealed_fen", "封存时金额", "fen"),
        Column("today_fen", "现在金额", "fen"),
        Column("moved_fen", "变动金额", "fen", note="today − sealed; absent counts as 0"),
        Column("evidence", "证据", "list", note="file:row of a source row, as sealed and today"),
        Column("source_rows", "依据的源数据行", "list", note="changed source rows of the same ids or orders, twenty at most"),
    ),
)

RESULTS: dict[str, Table] = {
    t.name: t
    for t in (
        *(
            DISCREPANCIES,
            MATCHES,
            UNMATCHED,
            BRIDGE,
            BRIDGE_ITEMS,
            KPIS,
            KPI_MOVEMENTS,
            KPI_TREND,
            CASE_FILE,
            OPEN_ITEMS,
            CARRY_FORWARD,
            DECISIONS,
            ACTIONS,
            EARLIER_ITEMS,
            PASS_AUDIT,
            TOLERANCE_AUDIT,
            LIMIT_CURVE,
            LEDGER_TIES,
            TAX_BASIS,
            SELFTEST,
            ADJUSTMENTS,
            BOOKED_ENTRIES,
        ),
        *(INTAKE, INTAKE_DAYS, QUARANTINE, CONTROLS, COVERAGE, COVERAGE_GAPS, RESTATEMENT),
    )
}


def result_schema(table: Table) -> dict[str, pl.DataType]:
    """Name → dtype of a result table (no provenance columns)."""
    return {c.name: DTYPES[c.kind] for c in table.columns}


def conform_result(frame: pl.DataFrame, table: Table) -> pl.DataFrame:
    """Order the columns, add the missing ones as null, and fail on a wrong type (strict cast)."""
    schema = result_schema(table)
    return frame.select(
        (pl.col(name).cast(dtype) if name in frame.columns else pl.lit(None, dtype).alias(name)) for name, dtype in schema.items()
    )
