"""Reasons where searches are built: LangChain, LlamaIndex, Haystack, data frames, OpenTelemetry.

Each is a module of its own, and nothing here is imported by anything else.
"""
