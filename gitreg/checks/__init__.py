"""The rules a version, and a promotion of it, are judged by: one rule a module, and the table of them."""
