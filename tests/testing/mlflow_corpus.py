"""Model directories that releases of MLflow wrote (tests/corpus/mlflow-*), put together again as MLflow left them."""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from gitreg.format.pointer import parse_pointer

CORPUS = Path(__file__).parents[1] / "corpus"


@dataclass(frozen=True)
class Written:
    """One model of one release: its rows, and what that MLflow predicted for them."""

    release: str
    name: str
    data: Any
    wanted: Any

    def __str__(self) -> str:
        return f"{self.name} by {self.release}"

    def copy(self, target: Path) -> Path:
        """The model directory, payloads in their places."""
        shutil.copytree(CORPUS / self.release / self.name, target)
        for pointer in list(target.rglob("*.dvc")):
            payload = parse_pointer(pointer.read_text())
            shutil.copyfile(CORPUS / "payloads/files/md5" / payload.md5[:2] / payload.md5[2:],
                            pointer.with_name(payload.path))  # fmt: skip
            pointer.unlink()
        return target


def written(*names: str) -> list[Written]:
    """The models of these names, or of all but these where the first is "-", by every release that has them."""
    found = []
    for expected in sorted(CORPUS.glob("mlflow-*/expected.json")):
        for name, told in json.loads(expected.read_text()).items():
            if (name in names) is (names[0] != "-"):
                frame = pd.DataFrame(told["data"]).astype(told["dtype"])
                data = frame.to_numpy() if told["array"] else frame
                found.append(Written(expected.parent.name, name, data, told["predictions"]))
    return found
