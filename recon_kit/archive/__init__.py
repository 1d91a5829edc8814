"""Stage 4: closed periods. A run is sealed with all it rests on, chained to the seal before it, and proved at any time.

OUT/archive/CHAIN                   one line a close or a reopening, each with the hash of the line before it
OUT/archive/2026-10/seal-1/         what was sealed; seal-2 after the period was reopened and closed again
OUT/archive/2026-10/seal-1/SEAL.json  the manifest: who, when, sha-256 and retention of every file, the hash of the seal before
OUT/2026-10/SEALED.json             says so in the run folder, which is never replaced from then on
OUT/restatements/2026-10/<run_id>/  what a later run found instead
"""
