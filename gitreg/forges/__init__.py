"""Where pull requests are kept: one forge a module, and the table of them."""
