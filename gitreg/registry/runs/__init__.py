"""Runs: opened, filled, ended."""
