"""Stores of vectors that somebody else keeps: one file and one decorator add a kind of them."""
