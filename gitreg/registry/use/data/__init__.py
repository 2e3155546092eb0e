"""Data for models in files and requests, and predictions on their way back."""
