"""How a model becomes a directory in MLflow Models format: its payload, code, requirements, signature and example."""
