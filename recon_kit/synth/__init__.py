"""A made-up seller: a clean world, one planter a code, writers of real layouts, and the answer key."""

DEFAULT_ORDERS = 1_700
DEFAULT_SEED = 20261031
