"""Promotion: a stage's file proposed, checked, reviewed and merged; and what main's history tells of it."""
