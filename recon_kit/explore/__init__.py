"""The analyst's workplace in JupyterLab: filter findings, see the evidence of one, and decide through the casebook."""

from recon_kit.explore.desk import Desk, open_desk

__all__ = ["Desk", "open_desk"]
