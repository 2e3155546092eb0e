"""PyTorch: modules pickled whole, TorchScript, exported programs, weights alone; tensors of every type they take."""

from __future__ import annotations

import sys
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch

from frameworks.kinds._kind import Kind

ROWS = 100
SHIPPED = Path(__file__).parent / "shipped"
PICKLE = {"serialization_format": "pickle"}


def numbers(kind: str = "float32", columns: int = 4) -> Any:
    return np.random.default_rng(3).normal(size=(ROWS, columns)).astype(kind)


def layers(columns: int = 4) -> Any:
    """What dropout and batch norm do differs while a module is trained."""
    torch.manual_seed(1)
    parts = torch.nn.Linear(columns, 8), torch.nn.BatchNorm1d(8), torch.nn.ReLU(), torch.nn.Dropout(0.5)
    model = torch.nn.Sequential(*parts, torch.nn.Linear(8, 2))
    model(torch.from_numpy(numbers(columns=columns)))
    return model.eval()


def module() -> tuple[Any, Any]:
    return layers(), numbers()


def one_column() -> tuple[Any, Any]:
    """A vector out, one number to a row."""
    torch.manual_seed(2)
    return torch.nn.Sequential(torch.nn.Linear(4, 1), torch.nn.Flatten(0)), numbers()


def of_a_frame() -> tuple[Any, Any]:
    """Numbers of each type, and missing values, in columns."""
    chance = np.random.default_rng(4)
    whole = ("int8", "int16", "int32", "int64", "uint8", "uint16", "uint32")
    table = pd.DataFrame({kind: chance.integers(0, 100, ROWS).astype(kind) for kind in whole})
    for kind in ("float32", "float64"):
        table[kind] = chance.normal(size=ROWS).astype(kind)
        table.loc[chance.random(ROWS) < 0.2, kind] = np.nan
    table["bool"] = chance.random(ROWS) < 0.5
    return _imputing(table.shape[1]), table


def _imputing(columns: int) -> Any:
    class Imputing(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.inner = torch.nn.Linear(columns, 2)
            self.register_buffer("instead", torch.full((columns,), 0.5))

        def forward(self, rows: torch.Tensor) -> torch.Tensor:
            return self.inner(torch.where(rows.isnan(), self.instead, rows))

    torch.manual_seed(3)
    return Imputing()


def with_missing_values() -> tuple[Any, Any]:
    rows = numbers()
    rows[::7] = np.nan
    return _imputing(4), rows


def shipped() -> tuple[Any, Any]:
    """A class of a module that travels along."""
    if str(SHIPPED) not in sys.path:
        sys.path.insert(0, str(SHIPPED))
    from torch_gate import Gate  # type: ignore[import-not-found]  # found in the folder above

    torch.manual_seed(4)
    return Gate(4), numbers()


def embedding() -> tuple[Any, Any]:
    torch.manual_seed(5)
    parts = torch.nn.Embedding(50, 6), torch.nn.Flatten(), torch.nn.Linear(18, 2)
    return torch.nn.Sequential(*parts), np.random.default_rng(5).integers(0, 50, (ROWS, 3))


def _summed(kind: str) -> Callable[[], tuple[Any, Any]]:
    """A module that takes tensors of `kind` as they are."""

    def make() -> tuple[Any, Any]:
        class Summed(torch.nn.Module):
            def forward(self, rows: torch.Tensor) -> torch.Tensor:
                return torch.stack([rows.sum(1).float(), rows.float().mean(1)], 1)

        return Summed(), np.random.default_rng(6).integers(0, 2, (ROWS, 3)).astype(kind)

    return make


def _typed(kind: torch.dtype, name: str) -> Callable[[], tuple[Any, Any]]:
    """A module whose weights are of `kind`."""

    def make() -> tuple[Any, Any]:
        torch.manual_seed(7)
        return torch.nn.Linear(4, 2).to(kind), numbers(name)

    return make


def brain_float() -> tuple[Any, Any]:
    """Weights of bfloat16, which numpy does not have, between float32."""

    class Narrow(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.inner = torch.nn.Linear(4, 2).to(torch.bfloat16)

        def forward(self, rows: torch.Tensor) -> torch.Tensor:
            return self.inner(rows.to(torch.bfloat16)).float()

    torch.manual_seed(8)
    return Narrow(), numbers()


def images() -> tuple[Any, Any]:
    torch.manual_seed(9)
    parts = torch.nn.Conv2d(3, 4, 3), torch.nn.ReLU(), torch.nn.AdaptiveAvgPool2d(1), torch.nn.Flatten()
    return torch.nn.Sequential(*parts), np.random.default_rng(9).random((ROWS, 3, 8, 8)).astype("float32")


def recurrent() -> tuple[Any, Any]:
    class Last(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.inner = torch.nn.LSTM(4, 5, batch_first=True)

        def forward(self, rows: torch.Tensor) -> torch.Tensor:
            return self.inner(rows)[0][:, -1]

    torch.manual_seed(10)
    return Last(), np.random.default_rng(10).normal(size=(ROWS, 6, 4)).astype("float32")


def scripted() -> tuple[Any, Any]:
    return torch.jit.script(layers()), numbers()


def traced() -> tuple[Any, Any]:
    return torch.jit.trace(layers(), torch.from_numpy(numbers())), numbers()


def program() -> tuple[Any, Any]:
    rows = torch.export.Dim("rows")
    return torch.export.export(layers(), (torch.from_numpy(numbers()),), dynamic_shapes=[{0: rows}]), numbers()


def state_dict() -> tuple[Any, Any]:
    return layers().state_dict(), numbers()


def plain_dict() -> tuple[Any, Any]:
    """Tensors of every type by name, two of which are the same."""
    kinds = torch.float64, torch.float32, torch.float16, torch.bfloat16, torch.complex64, torch.bool, torch.uint8
    whole = torch.int8, torch.int16, torch.int32, torch.int64
    found = OrderedDict((str(kind), torch.arange(6).reshape(2, 3).to(kind)) for kind in (*kinds, *whole))
    found["missing"] = torch.tensor([1.0, float("nan"), float("-inf")])
    found["tied"] = found["torch.float32"]
    found["empty"] = torch.empty(0, 3)
    found["scalar"] = torch.tensor(7)
    return found, numbers()


def ask(native: Any, data: Any) -> Any:
    """What a module gives for the rows, or what a dict holds."""
    if isinstance(native, dict):
        return {name: [str(value.dtype), list(value.shape), repr(value.tolist())] for name, value in native.items()}
    if not isinstance(native, torch.nn.Module):
        native = native.module()
    values = data.to_numpy(dtype="float32") if isinstance(data, pd.DataFrame) else data
    with torch.no_grad():
        return native(torch.from_numpy(values.copy())).tolist()


def exported(make: Callable[[], tuple[Any, Any]]) -> Kind:
    """A module that is traced with the input example, which MLflow then must have too."""
    options = {"serialization_format": "pt2", "input_example": make()[1][:3]}
    return Kind("pytorch", make, ask, options, signed=False)


def weights(make: Callable[[], tuple[Any, Any]], **options: str) -> Kind:
    """A dict of tensors: MLflow has no model of that kind, and it does not predict."""
    return Kind("pytorch", make, ask, only_gitreg=options, mlflow=False, signed=False, predicts=False)


MODELS: dict[str, Kind] = {
    "module": Kind("pytorch", module, ask, PICKLE),
    "one column": Kind("pytorch", one_column, ask, PICKLE),
    "of a frame": Kind("pytorch", of_a_frame, ask, PICKLE),
    "missing values": Kind("pytorch", with_missing_values, ask, PICKLE),
    "class of code_paths": Kind("pytorch", shipped, ask, {**PICKLE, "code_paths": [str(SHIPPED / "torch_gate.py")]}),
    "embedding": Kind("pytorch", embedding, ask, PICKLE),
    **{
        f"rows of {kind}": Kind("pytorch", _summed(kind), ask, PICKLE)
        for kind in ("bool", "uint8", "int8", "int16", "int32", "int64", "float64")
    },
    "float64": Kind("pytorch", _typed(torch.float64, "float64"), ask, PICKLE),
    "float16": Kind("pytorch", _typed(torch.float16, "float16"), ask, PICKLE),
    "bfloat16": Kind("pytorch", brain_float, ask, PICKLE),
    "images": Kind("pytorch", images, ask, PICKLE),
    "recurrent": Kind("pytorch", recurrent, ask, PICKLE),
    "torchscript": Kind("pytorch", scripted, ask, PICKLE),
    "traced": Kind("pytorch", traced, ask, PICKLE),
    "pt2": exported(module),
    "pt2 of images": exported(images),
    "pt2 of an embedding": exported(embedding),
    "pt2 with missing values": exported(with_missing_values),
    "exported program": Kind("pytorch", program, ask, mlflow=False),
    "state_dict": weights(state_dict),
    "dict of every type": weights(plain_dict),
    "safetensors": weights(plain_dict, serialization_format="safetensors"),
}
