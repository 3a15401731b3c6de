"""Models: where they are, how they are loaded, what they read, and their gradients."""
