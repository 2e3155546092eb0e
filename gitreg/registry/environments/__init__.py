"""Environments of models: building the one a model names, comparing this one with it, and predicting in it."""
