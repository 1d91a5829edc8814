import pytest

from recon_kit import resources
from recon_kit.errors import ReconError


def test_notebooks_templates_and_layouts_are_found_where_the_package_is_installed():
    assert (resources.notebooks_dir() / "00_start_here.ipynb").is_file()
    assert (resources.templates_dir() / "why.toml").is_file()
    assert (resources.layouts_dir() / "alipay_fund.toml").is_file()


def test_in_a_wheel_the_notebooks_lie_inside_the_package(tmp_path, monkeypatch):
    (tmp_path / "recon_kit" / "_notebooks").mkdir(parents=True)
    monkeypatch.setattr(resources, "_PACKAGE", tmp_path / "recon_kit")

    assert resources.notebooks_dir() == tmp_path / "recon_kit" / "_notebooks"


def test_an_installation_without_notebooks_says_so(tmp_path, monkeypatch):
    monkeypatch.setattr(resources, "_PACKAGE", tmp_path / "recon_kit")

    with pytest.raises(ReconError, match="install recon-kit again"):
        resources.notebooks_dir()
