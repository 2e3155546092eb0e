"""The framework of the example: a classifier by the nearest centroid, which knows nothing of gitreg."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

__version__ = "1.0.0"

Point = Sequence[float]


class Centroids:
    """Labels each point as the centroid that is nearest to it."""

    def __init__(self, centers: Mapping[str, Point]) -> None:
        self.centers = {label: [float(value) for value in center] for label, center in centers.items()}

    def label(self, points: Sequence[Point]) -> list[str]:
        """The label of each point; coordinates that are missing (NaN) are left out."""
        return [min(self.centers, key=lambda label: _distance(point, self.centers[label])) for point in points]


def fit(points: Sequence[Point], labels: Sequence[str]) -> Centroids:
    """The mean of the points of each label."""
    groups: dict[str, list[Point]] = {}
    for point, label in zip(points, labels, strict=True):
        groups.setdefault(label, []).append(point)
    means = {label: [sum(axis) / len(group) for axis in zip(*group, strict=True)] for label, group in groups.items()}
    return Centroids(means)


def _distance(a: Point, b: Point) -> float:
    return math.fsum((x - y) ** 2 for x, y in zip(a, b, strict=True) if not math.isnan(x))
