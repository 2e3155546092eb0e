"""One speaker for each foreign tool: git, DVC, and the payload cache on this machine."""
