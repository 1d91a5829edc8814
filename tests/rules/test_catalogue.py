from collections import Counter
from dataclasses import fields

import pytest

from recon_kit import results
from recon_kit.rules.catalogue import CATALOGUE, FAMILY, Entry, issue_group


def test_the_catalogue_has_68_codes_in_eight_families():
    families = Counter(entry.family for entry in CATALOGUE.values())

    assert families == {"P": 5, "A": 6, "C": 15, "L": 11, "W": 13, "S": 9, "Q": 3, "K": 6}
    assert list(dict.fromkeys(entry.family for entry in CATALOGUE.values())) == list(FAMILY)


@pytest.mark.parametrize("entry", CATALOGUE.values(), ids=CATALOGUE)
def test_every_entry_speaks_the_vocabulary_of_the_results(entry):
    assert entry.nature in results.NATURE
    assert entry.severity in results.SEVERITY
    assert entry.owner in results.OWNER
    assert entry.key_kinds and set(entry.key_kinds) <= {
        *("case_id", "order_id", "pay_id", "flow_id", "line_id", "ship_id", "return_id", "voucher_id", "fee_id"),
        *("payout_id", "channel", "complaint_id", "row", "file"),
    }


@pytest.mark.parametrize("entry", CATALOGUE.values(), ids=CATALOGUE)
def test_every_entry_is_told_in_both_languages(entry):
    assert all(getattr(entry, f.name) for f in fields(Entry))
    assert entry.name("zh") != entry.name("en")
    assert entry.action("en").isascii() or "−" in entry.action("en")
    assert not entry.action("zh").isascii()
    assert entry.condition("zh") != entry.condition("en")


def test_slugs_and_names_are_unique():
    for name in ("slug", "zh", "en"):
        assert len({getattr(entry, name) for entry in CATALOGUE.values()}) == 68


def test_codes_that_follow_each_other_share_a_group_and_the_rest_are_their_own():
    shared = dict.fromkeys(("C01", "C02", "C04"), "C01") | {"W02": "W01", "S04": "S03", "L05": "L01"}

    assert {code: issue_group(code) for code in CATALOGUE} == {code: shared.get(code, code) for code in CATALOGUE}


def test_timing_items_are_the_four_that_clear_by_themselves():
    assert [code for code, entry in CATALOGUE.items() if entry.nature == "timing"] == ["C02", "C15", "W02", "S04"]


def test_the_key_of_each_code_is_the_contracts():
    assert CATALOGUE["P01"].key_kinds == ("order_id", "pay_id")
    assert CATALOGUE["P02"].key_kinds == ("pay_id", "order_id", "flow_id")
    assert CATALOGUE["C12"].key_kinds == ("case_id", "order_id")
    assert CATALOGUE["K02"].key_kinds == ("case_id", "voucher_id")
    assert {CATALOGUE[code].key_kinds for code in ("L01", "L03", "L04", "L05", "L06")} == {("case_id", "flow_id", "order_id")}
    assert {CATALOGUE[code].key_kind for code in ("L02", "L07", "L09", "L10", "L11", "K03")} == {"voucher_id"}
