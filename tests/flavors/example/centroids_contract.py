"""The contract of every flavor, for the example's; run where the example is installed."""

from __future__ import annotations

from pathlib import Path

from testing.flavor_contract import FlavorContract


class TestCentroids(FlavorContract):
    flavor, package, table, path = "centroids", "centroids", "centroids_models", Path(__file__).parent
