"""The rating app of a study: what raters see and what they answer, and nothing about methods."""
