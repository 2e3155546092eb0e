"""Images with a model baked in."""
