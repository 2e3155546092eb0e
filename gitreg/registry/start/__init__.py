"""Where a registry begins: here, at an origin, or beside code."""
