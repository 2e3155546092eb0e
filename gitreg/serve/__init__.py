"""Models served over HTTP, in MLflow's scoring protocol (docs/serving.md)."""
