from datetime import date

import pytest

from recon_kit.config import Config, Sources, load_config, parse_config
from recon_kit.errors import ConfigError


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[sourcs]\n", r"recon\.toml:1 \[sourcs\]: unknown key 'sourcs'; did you mean 'sources'\?"),
        ("[sources]\nlayout = []\n", r"recon\.toml:2 \[sources\] layout: unknown key 'layout'; did you mean 'layouts'\?"),
        ("[sources]\nskip = 3\n", r"recon\.toml:2 \[sources\] skip: "),
        ('[sources]\nuse = { "*.csv" = 3 }\n', r"recon\.toml:2 \[sources\] use\.\*\.csv: "),
        ('[entity]\n\nstandard = "CASS"\n', r"recon\.toml:3 \[entity\] standard: 'CASS' is none of 'CAS' or 'SBE'"),
        ("[sla_days]\nretrun = 3\n", r"recon\.toml:2 \[sla_days\] retrun: unknown key 'retrun'; did you mean 'return'\?"),
        ("[limits]\nsmall_loss = 5.0\n", r"recon\.toml:2 \[limits\] small_loss: 5\.0 must be text in quotes"),
        ('[[shops]]\nplatform = "jd"\nname = "a"\n[[shops]]\nplatform = "jd"\nnam = "b"\n', r"recon\.toml:6 \[shops\] 1\.nam"),
        ('[promotions_calendar]\n618 = ["2026-06-18"]\n', r"recon\.toml:2 \[promotions_calendar\] 618: .* write for example"),
        ('[promotions_calendar]\n618 = ["2026-06-18", "2026-06-01"]\n', r"is not a first and a last day"),
        ("accounts = 3\n", r"recon\.toml:1 \[accounts\]: "),
        ("accounts_gross = 3\n", r"recon\.toml:1 \[accounts_gross\]: "),
        ("shops = 3\n", r"recon\.toml:1 \[shops\]: "),
        ("[entity\n", r"recon\.toml: this is not valid TOML"),
    ],
)
def test_a_wrong_configuration_is_refused_with_its_line_and_what_was_meant(tmp_path, text, message):
    path = tmp_path / "recon.toml"
    path.write_text(text, "utf-8")

    with pytest.raises(ConfigError, match=message):
        load_config(path)


def test_a_file_that_is_no_text_is_refused(tmp_path):
    (tmp_path / "recon.toml").write_bytes(b"\xff\xfe\x00x")

    with pytest.raises(ConfigError, match=r"recon\.toml: cannot be read \(UnicodeDecodeError\)"):
        load_config(tmp_path / "recon.toml")


def test_a_promotion_has_a_first_and_a_last_day_as_dates_or_text(tmp_path):
    (tmp_path / "recon.toml").write_text('[promotions_calendar]\n618 = [2026-06-01, "2026-06-18"]\n', "utf-8")

    assert load_config(tmp_path / "recon.toml").promotions_calendar == {"618": (date(2026, 6, 1), date(2026, 6, 18))}


def test_without_sources_nothing_is_read_otherwise():
    assert Config().sources == Sources(layouts=(), reasons=None, skip=(), use={})


@pytest.mark.parametrize(
    "given", [{"url": "x"}, {"cs": "dingtalk://s3cret@token"}, {"escalate": {"cs": "mailto://s3cret@example.com"}}]
)
def test_an_address_in_recon_toml_is_refused_saying_why_and_not_shown(given):
    with pytest.raises(ConfigError, match=r"as good as its password.*RECON_KIT_NOTIFY_<OWNER>") as refused:
        parse_config({"notify": given})

    assert "s3cret" not in str(refused.value)


def test_an_unknown_role_is_refused():
    with pytest.raises(ConfigError, match=r"\[notify.escalate\] cs: unknown role 'finanse'; did you mean 'finance'"):
        parse_config({"notify": {"escalate": {"cs": "finanse"}}})
