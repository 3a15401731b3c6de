"""Kinds of scorers, one a file: each says what objects it takes, and opens them.

A file here is found by being there; ``whyalike.models.opening`` asks the kinds.
"""
