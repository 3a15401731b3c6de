"""Tables of texts, read from whatever files people have, for every command."""
