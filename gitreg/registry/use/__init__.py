"""Models put to use: loaded, pulled, asked for predictions."""
