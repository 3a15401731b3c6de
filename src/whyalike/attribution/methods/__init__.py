"""One file per family of methods; each is found by being here."""
