"""Text to values and back: pure, without git, network, clock or files (docs/format.md)."""
