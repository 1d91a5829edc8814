import re
import tomllib

import pytest

from recon_kit import labels
from recon_kit.errors import ReportError
from recon_kit.intake_view import COLOURED_AS
from recon_kit.kpis import KPI_LIST
from recon_kit.management import DEDUCTIONS, DRIVERS, GOODS_STATE
from recon_kit.recon_kpis import BASES
from recon_kit.record import BRIDGE_LINES
from recon_kit.resources import templates_dir
from recon_kit.results import LEDGER_TIES, NATURE, OWNER, SEVERITY, TAX_BASIS, VERDICT
from recon_kit.schema import CASE_KIND, PLATFORM, REASON_GROUP
from recon_kit.section_ties import TIES
from recon_kit.sources.columns import UNREADABLE, YEAR_UNKNOWN
from recon_kit.trust import STATES
from recon_kit.views import BUCKET_ORDER

CJK = re.compile("[\u4e00-\u9fff]")
REASONS = {*UNREADABLE.values(), YEAR_UNKNOWN}


OF_TOOLS = ("explore", "labels", "match", "notify", "patterns", "trace", "what_if", "worklist")
PHRASES = tuple(f"{name}.toml" for name in OF_TOOLS)


@pytest.mark.parametrize("file", PHRASES)
def test_every_label_is_there_in_both_languages_and_the_english_has_no_chinese(file):
    for section, words in _texts(file).items():
        for key, texts in words.items():
            assert set(texts) == {"zh", "en"}, f"{section}.{key}"
            assert not CJK.search(texts["en"]), f"{section}.{key}"


@pytest.mark.parametrize("file", PHRASES)
def test_both_languages_of_a_label_fill_the_same_places(file):
    for section, words in _texts(file).items():
        for key, texts in words.items():
            assert len(set(map(_places, texts.values()))) == 1, f"{section}.{key}"


def _texts(file: str) -> dict[str, dict[str, dict[str, str]]]:
    return tomllib.loads((templates_dir() / file).read_text("utf-8"))


def _places(text: str) -> frozenset[str]:
    return frozenset(re.findall(r"\{\w+\}", text))


@pytest.mark.parametrize(
    ("section", "values"),
    [
        ("nature", NATURE), ("severity", SEVERITY), ("owner", OWNER), ("verdict", VERDICT), ("verdict_means", VERDICT),
        ("platform", PLATFORM), ("case_kind", CASE_KIND), ("reason_group", REASON_GROUP), ("bridge", BRIDGE_LINES),
        ("bucket", BUCKET_ORDER), ("day", STATES), ("how", LEDGER_TIES.column("how").allowed), ("reason", REASONS),
        ("flow_kind", DEDUCTIONS), ("goods_state", GOODS_STATE.values()), ("part", TAX_BASIS.column("part").allowed),
        ("red_letter", TAX_BASIS.column("red_letter").allowed), ("columns", DRIVERS),
        ("trust", COLOURED_AS), ("trust_means", COLOURED_AS),
        ("tie", TIES), ("kpi", [k.name for k in KPI_LIST]), ("base", {k.base for k in KPI_LIST}),
        ("date_basis", {k.date_basis for k in KPI_LIST}), ("kpi", BASES),
        ("base", [base for base, _ in BASES.values()]), ("date_basis", [basis for _, basis in BASES.values()]),
    ],
)  # fmt: skip
def test_every_value_that_a_page_can_show_has_its_words(section, values):
    assert set(values) <= set(labels.labels()[section])


def test_a_label_that_is_not_there_is_an_error_that_names_it():
    with pytest.raises(ReportError, match=r"ui\.nowhere"):
        labels.word("ui.nowhere", "zh")


def test_an_unknown_value_comes_back_as_it_is_and_null_as_a_dash():
    assert labels.value_label("platform", "kuaishou", "en") == "kuaishou"
    assert labels.value_label("platform", None, "zh") == "—"


@pytest.mark.parametrize("file", ["narrative.toml", "trust.toml", "management.toml", "why.toml"])
def test_every_sentence_is_there_in_both_languages_and_uses_the_same_figures(file):
    for key, texts in tomllib.loads((templates_dir() / file).read_text("utf-8")).items():
        assert set(texts) == {"zh", "en"}, key
        assert not CJK.search(texts["en"]), key
        assert _used(texts["zh"]) == _used(texts["en"]), key


def _used(sentence: str) -> set[str]:
    inside = " ".join(re.findall(r"\{[{%].*?[%}]\}", sentence))
    return set(re.findall(r'(?:figure|fact)\("([^"]+)"\)|\b(\w+_fen|\w+_on|days|sla|n)\b', inside))
