"""What runs work that is cut into pieces: this process, or Ray's workers."""
