"""The casebook: what became of every discrepancy, as events that are never changed. States are derived from them."""

from recon_kit.casebook.absorb import absorb_published, absorb_run, last_runs
from recon_kit.casebook.decisions import CAUSES, Decision, check_decision, checker, decide, decide_all, find_id, keep_evidence
from recon_kit.casebook.event import EVENTS_SCHEMA, GENESIS, KINDS, MACHINE, Event, verify_events
from recon_kit.casebook.opening import NO_HISTORY, OPENING, begin_casebook, events_json, read_opening
from recon_kit.casebook.states import entry_states, item_states
from recon_kit.casebook.storage import FILE_NAME, Casebook, casebook_place, open_casebook

__all__ = [
    "CAUSES",
    "EVENTS_SCHEMA",
    "FILE_NAME",
    "GENESIS",
    "KINDS",
    "MACHINE",
    "NO_HISTORY",
    "OPENING",
    "Casebook",
    "Decision",
    "Event",
    "absorb_published",
    "absorb_run",
    "begin_casebook",
    "casebook_place",
    "check_decision",
    "checker",
    "decide",
    "decide_all",
    "entry_states",
    "events_json",
    "find_id",
    "item_states",
    "keep_evidence",
    "last_runs",
    "open_casebook",
    "read_opening",
    "verify_events",
]
