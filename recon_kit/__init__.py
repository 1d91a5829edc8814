"""recon_kit: after-sales reconciliation (电商售后对账) as notebooks and reports."""

__version__ = "0.1.0"
