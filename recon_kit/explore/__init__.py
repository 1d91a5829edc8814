"""The analyst's workplace in JupyterLab: filter findings, see the evidence of one, and decide through the casebook."""
