"""Models, as users have them: loaded, read, asked for vectors, hidden states and gradients."""
