"""Explanations over HTTP: requests of many clients gathered into batches, kept, and limited."""
