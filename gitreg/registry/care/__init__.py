"""What keeps a registry sound."""
