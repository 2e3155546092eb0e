"""Makes what stands in for the model.pkl of classic-2020: its payload, and the DVC pointer to it.

`python tests/corpus/make_classic_2020.py`, run once; the directory's MLmodel and conda.yaml are of the year 2020.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

import cloudpickle
from sklearn.datasets import load_iris
from sklearn.tree import DecisionTreeClassifier

from gitreg.format.pointer import Pointer, format_pointer

HERE = Path(__file__).parent


def main() -> None:
    """Write both files."""
    payload = cloudpickle.dumps(DecisionTreeClassifier(max_depth=2, random_state=0).fit(*load_iris(return_X_y=True)))
    md5 = hashlib.md5(payload).hexdigest()
    stored = HERE / "payloads" / "files" / "md5" / md5[:2] / md5[2:]
    stored.parent.mkdir(parents=True, exist_ok=True)
    stored.write_bytes(payload)
    pointer = HERE / "classic-2020" / "model.pkl.dvc"
    pointer.write_text(format_pointer(Pointer("model.pkl", md5, len(payload))), encoding="utf-8")


if __name__ == "__main__":
    main()
