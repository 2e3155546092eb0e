"""The verbs of the registry, one flow a module."""
