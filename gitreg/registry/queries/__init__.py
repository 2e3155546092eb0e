"""What reads a registry and changes nothing."""
