"""Bundles: versions with their payloads in one file."""
