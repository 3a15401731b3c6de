"""Many pairs from a file, explained into a file; see ``whyalike.batch.run``."""
