"""What MLflow 1, 2 and 3 wrote of the large frameworks is taken as it is, and predicts what it predicted then."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import gitreg
from flavors.asking import plain
from testing.mlflow_corpus import Written, written
from testing.registries import lone


@pytest.mark.filterwarnings("ignore:this environment")
@pytest.mark.parametrize("model", written("pytorch", "tensorflow-keras", "tensorflow-module", "keras"), ids=str)
def test_it_predicts_what_it_predicted_then(model: Written, tmp_path: Path) -> None:
    place = lone(tmp_path / "registry")
    run = gitreg.commit(model.copy(tmp_path / "model"), registry=place.path)
    said = plain(gitreg.load_pyfunc(f"run:{run.id}", registry=place.path).predict(model.data))
    found, wanted = (value if isinstance(value, dict) else {"": value} for value in (said, model.wanted))
    assert {str(name) for name in found} == {*wanted}  # JSON has no numbers as names
    for name, values in found.items():
        assert np.asarray(values) == pytest.approx(np.asarray(wanted[str(name)]), rel=1e-5)
    assert gitreg.load_model(f"run:{run.id}", registry=place.path) is not None
