"""What measurements of a whole search found, as plain data: read and written as JSON."""
