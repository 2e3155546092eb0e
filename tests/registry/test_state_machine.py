"""A registry against a model of it in memory, whatever order things happen in."""
