"""Arguments of a wrong kind: refused by name, with what to pass instead, and never repeated in full."""

from __future__ import annotations

import json
import math
import re
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest

import gitreg
from gitreg.errors import Conflict, GitregError, NotFound, Refused
from gitreg.registry.use.pull import read_file
from testing.registries import Place, log, signature, times

api: Any = gitreg  # what is tested here are calls that a type checker would not let pass

REFUSED: dict[str, tuple[Callable[[], object], str, str]] = {
    "limit": (lambda: api.search_runs(limit="x"), "bad limit 'x'", "whole number"),
    "fraction for a limit": (lambda: api.models(limit=1.5), "bad limit 1.5", "whole number"),
    "filter": (lambda: api.search_runs(None), "bad filter None", "metrics.accuracy > 0.9"),
    "order": (lambda: api.search_versions(order_by=5), "bad order_by 5", "metrics.accuracy DESC"),
    "orders": (lambda: api.search_versions(order_by=[5]), "bad order_by 5", "metrics.accuracy DESC"),
    "model to register as": (lambda: api.register("run:k1", 5), "bad model name 5", "a model name is"),
    "what to register": (lambda: api.register(None, "churn"), "bad reference None", "run:ID"),
    "what to load": (lambda: api.load_model(None), "bad reference None", "run:ID"),
    "trust": (lambda: api.load_model("run:k1", trust=True), "bad trust True", "trust=['module.Class']"),
    "one name as trust": (lambda: api.load_pyfunc("run:k1", trust="a.B"), "bad trust 'a.B'", "trust=['module.Class']"),
    "signature": (lambda: api.log_model(times(2), signature="x"), "bad signature 'x'", "gitreg.infer_signature"),
    "run name": (lambda: api.start_run(name=5), "bad run name 5", "one line"),
    "run id": (lambda: api.start_run(run_id=5), "bad run id 5", "a run id is"),
    "tags of a run": (lambda: api.start_run(tags=[1]), "bad tags [1]", "a dict"),
}
LOGGED: dict[str, tuple[Callable[[], object], str, str]] = {
    "metric's key": (lambda: api.log_metric(5, 1), "bad key 5", "a key is text"),
    "step": (lambda: api.log_metric("a", 1, step="x"), "bad step 'x'", "whole number"),
    "fraction for a step": (lambda: api.log_metric("a", 1, step=1.5), "bad step 1.5", "whole number"),
    "metrics": (lambda: api.log_metrics([1]), "bad metrics [1]", "a dict"),
    "params": (lambda: api.log_params(None), "bad params None", "a dict"),
    "tags": (lambda: api.set_tags("x"), "bad tags 'x'", "a dict"),
    "text": (lambda: api.log_text(b"x", "b"), "bad text b'x'", "log_artifact"),
    "file name": (lambda: api.log_text("x", 5), "bad file name 5", "a file's path"),
    "an object in JSON": (
        lambda: api.log_dict({"a": object()}, "x.json"),
        "x.json cannot hold this: Object of type object is not JSON serializable",
        "dicts and lists",
    ),
    "an object in YAML": (
        lambda: api.log_dict({"a": object()}, "x.yaml"),
        "x.yaml cannot hold this: YAML has no object",
        "dicts and lists",
    ),
    "status": (lambda: api.end_run(["failed"]), "bad status ['failed']", "finished, failed or abandoned"),
    "no model": (lambda: api.log_model(object()), "object is no model", "an object with predict"),
    "no file": (lambda: api.log_artifact("nofile"), "no file nofile", "relative paths begin at "),
    "no folder": (lambda: api.log_artifacts("nofolder"), "no folder nofolder", "relative paths begin at "),
    "no code": (
        lambda: api.log_model(times(2), code_paths=["nope"]),
        "nope of code_paths is not there",
        "relative paths begin at ",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_an_argument_of_a_wrong_kind_is_refused_by_name(name: str, alone: Place) -> None:
    log(2, run_id="k1")
    call, message, hint = REFUSED[name]
    refused(call, message, hint)
    assert gitreg.active_run() is None


@pytest.mark.parametrize("name", LOGGED)
def test_what_cannot_be_logged_is_refused_and_the_run_goes_on(name: str, alone: Place) -> None:
    call, message, hint = LOGGED[name]
    with gitreg.start_run() as run:
        refused(call, message, hint)
    kept = gitreg.get_run(run.id)
    assert (kept.params, kept.metrics, kept.tags, kept.models) == ({}, {}, {}, ())


def refused(call: Callable[[], object], message: str, hint: str) -> None:
    with pytest.raises((Refused, NotFound)) as caught:
        call()
    assert caught.value.message.startswith(message)
    assert hint in caught.value.hint


def test_steps_of_numpy_are_whole_numbers(alone: Place) -> None:
    with gitreg.start_run() as run:
        api.log_metric("loss", np.float32(0.5), step=np.int64(3))
    assert b"\n3\t0.5\t" in read_file(f"run:{run.id}", ".gitreg/metrics/loss.tsv")


def test_json_has_no_nan(alone: Place) -> None:
    with gitreg.start_run() as run:
        gitreg.log_dict({"a": [math.nan, 1.5], "b": (math.inf, -math.inf, np.float64("nan"))}, "n.json")
    found = json.loads(read_file(f"run:{run.id}", "n.json"), parse_constant=pytest.fail)
    assert found == {"a": ["NaN", 1.5], "b": ["Infinity", "-Infinity", "NaN"]}


def test_the_id_of_a_run_is_told_from_the_name_of_a_model(alone: Place) -> None:
    log(2, run_id="k1")
    with pytest.raises(NotFound, match="no model k1") as caught:
        gitreg.register("k1", "churn")
    assert caught.value.hint == "a run has this id; name it run:k1"
    with pytest.raises(NotFound, match="no model k2") as caught:
        gitreg.register("k2", "churn")
    assert "run:" not in caught.value.hint


LONG: dict[str, Callable[[], object]] = {
    "a param": lambda: gitreg.log_param("notes", "y" * 7000),
    "a key": lambda: gitreg.log_param("k" * 300, 1),
    "a metric's value": lambda: api.log_metric("a", "v" * 7000),
    "a file name": lambda: gitreg.log_text("x", "f" * 300),
    "a run id": lambda: gitreg.get_run("r" * 300),
    "a model name": lambda: gitreg.log_model(times(2), register_as="m" * 300),
}


@pytest.mark.parametrize("name", LONG)
def test_long_values_are_cut_in_errors(name: str, alone: Place) -> None:
    with gitreg.start_run():
        gitreg.log_param("notes", "x" * 7000)
        with pytest.raises((Refused, Conflict)) as caught:
            LONG[name]()
    assert "..." in caught.value.message
    assert max(map(len, re.findall(r"\S+", f"{caught.value.message} {caught.value.hint}"))) <= 62


def test_values_print_in_one_short_line(alone: Place) -> None:
    with gitreg.start_run(run_id="k1") as run:
        assert repr(run) == "<gitreg.ActiveRun k1>"
        gitreg.log_model(times(2), register_as="churn", pip_requirements=["cloudpickle"])
    assert repr(gitreg.load_pyfunc("churn")) == "<gitreg.PyFunc churn@v0.1.0>"
    assert repr(gitreg.load_pyfunc("run:k1")) == "<gitreg.PyFunc run:k1/model>"


def test_data_that_does_not_fit_tells_where_to_read_what_does(alone: Place) -> None:
    log(2, "churn", found=signature(a="long"), run_id="k1")
    for ref, hint in (
        ("churn", "gitreg show churn@v1.0.0 tells what it takes"),
        ("run:k1", "the model's .signature tells what it takes"),
    ):
        with pytest.raises(GitregError, match="column a, row 0: 'x' is no long") as caught:
            gitreg.load_pyfunc(ref).predict(pd.DataFrame({"a": ["x"]}))
        assert caught.value.hint == hint


def failing(data: object) -> object:
    raise ValueError("no such thing")


WARNED: dict[str, Callable[[Path], object]] = {
    "log_model": lambda _: gitreg.log_model(failing, input_example=[1.5], pip_requirements=[]),
    "save_model": lambda home: gitreg.save_model(failing, home / "model", input_example=[1.5], pip_requirements=[]),
    "infer_signature": lambda _: gitreg.infer_signature(pl.DataFrame({"a": pl.Series([1], dtype=pl.UInt64)})),
    "predict": lambda _: gitreg.load_pyfunc("churn").predict(pd.DataFrame({"a": [1]}), {"other": 1}),
}


@pytest.mark.parametrize("name", WARNED)
def test_a_warning_points_at_the_line_that_called_gitreg(name: str, alone: Place, home: Path) -> None:
    log(2, "churn", found=signature(a="long"))
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        WARNED[name](home)
    assert [warning.filename for warning in seen] == [__file__]
