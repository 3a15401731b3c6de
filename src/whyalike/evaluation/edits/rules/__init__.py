"""One rule, or two that belong together, in each file; found by being here."""
