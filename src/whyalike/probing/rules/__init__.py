"""One file per family of rules; each is found by being here."""
