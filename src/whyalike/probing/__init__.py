"""Blind spots: edits of a text that should move a model's score, and those that should not."""
