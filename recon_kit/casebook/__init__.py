"""The casebook: what became of every discrepancy, as events that are never changed. States are derived from them."""

from recon_kit.casebook.absorb import absorb_published, absorb_run, last_runs
from recon_kit.casebook.event import EVENTS_SCHEMA, GENESIS, KINDS, MACHINE, Event, verify_events
from recon_kit.casebook.states import entry_states, item_states
from recon_kit.casebook.storage import FILE_NAME, Casebook, casebook_place, open_casebook

__all__ = [
    "EVENTS_SCHEMA",
    "FILE_NAME",
    "GENESIS",
    "KINDS",
    "MACHINE",
    "Casebook",
    "Event",
    "absorb_published",
    "absorb_run",
    "casebook_place",
    "entry_states",
    "item_states",
    "last_runs",
    "open_casebook",
    "verify_events",
]
