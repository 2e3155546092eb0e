"""PyTorch: what the contract does not see. Hostile and damaged files, devices, modes, options, and errors that help."""

from __future__ import annotations

import io
import json
import pickle
import random
import subprocess
import sys
import threading
import zipfile
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest
import torch

from flavors.saving import files_of, save_to
from flavors.test_load import without
from frameworks.kinds.pytorch_models import layers, numbers
from gitreg.errors import Damaged, GitregError, Refused, Unsupported
from gitreg.flavors import load, load_pyfunc, pytorch
from gitreg.flavors.pytorch import archive as _torch_archive
from gitreg.flavors.pytorch.sizes import is_size
from gitreg.format.mlmodel import MLModel, parse_mlmodel

__all__ = ["without"]  # a fixture

pytestmark = pytest.mark.filterwarnings("ignore:.*torch.jit.*:DeprecationWarning")

TESTS = Path(__file__).parents[1]
NO_PINS: dict[str, Any] = {"pip_requirements": ["torch"]}


OLD_PROGRAM = "serialized_exported_program.json"


def scripted() -> Any:
    return torch.jit.script(layers())


def program() -> Any:
    return torch.export.export(layers(), (torch.ones(3, 4),))


SAVED: dict[str, tuple[Callable[[], Any], dict[str, Any], str]] = {
    "pickle": (layers, {}, "data/model.pth"),
    "torchscript": (scripted, {}, "data/model.pth"),
    "pt2": (program, {}, "data/model.pt2"),
    "state_dict": (lambda: layers().state_dict(), {}, "state_dict.pth"),
    "safetensors": (layers, {"serialization_format": "safetensors"}, "model.safetensors"),
}


def saved(folder: Path, kind: str) -> tuple[MLModel, Path]:
    make, options, file = SAVED[kind]
    return save_to(folder, make(), **NO_PINS, **options), folder / file


def refused_by_name(folder: Path, mlmodel: MLModel, file: Path, error: type[GitregError] = Damaged) -> str:
    with pytest.raises(error) as caught:
        load(folder, mlmodel)
    assert caught.value.message.startswith(file.name)
    assert "\n" not in caught.value.message and len(caught.value.message) < 400
    return caught.value.message


def rewritten(file: Path, edit: Callable[[str, bytes], bytes | None], more: dict[str, bytes] | None = None) -> None:
    """The archive with what `edit` makes of each of its files (None: without it), and with more of them."""
    with zipfile.ZipFile(io.BytesIO(file.read_bytes())) as source, zipfile.ZipFile(file, "w") as target:
        root = source.namelist()[0].partition("/")[0]
        for name in source.namelist():
            content = edit(name.partition("/")[2], source.read(name))
            if content is not None:
                target.writestr(name, content)
        for name, content in (more or {}).items():
            target.writestr(f"{root}/{name}", content)


class Hostile:
    """Unpickled as a call that leaves a mark where it ran."""

    def __reduce__(self) -> Any:
        return Path.touch, (Path("mark"),)


HOSTILE = pickle.dumps(Hostile(), 2)


# Damaged files


@pytest.mark.parametrize("kind", SAVED)
def test_a_file_that_is_no_model_is_damaged_and_named(kind: str, home: Path) -> None:
    mlmodel, file = saved(home / "model", kind)
    whole = file.read_bytes()
    chance = random.Random(kind)
    cuts = [whole[: chance.randrange(1, len(whole))] for _ in range(20)]
    for content in (b"", b"PK\x03\x04", b"<html>not found</html>", chance.randbytes(100), HOSTILE, *cuts):
        file.write_bytes(content)
        refused_by_name(home / "model", mlmodel, file)
    file.unlink()
    with pytest.raises(Damaged, match=r"missing|neither"):
        load(home / "model", mlmodel)
    assert not (home / "mark").exists()


@pytest.mark.parametrize("kind", ["torchscript", "pt2", "state_dict", "safetensors"])
def test_a_file_with_other_bytes_in_it_is_refused_or_loads_without_a_crash(kind: str, home: Path) -> None:
    mlmodel, file = saved(home / "model", kind)
    whole = file.read_bytes()
    chance = random.Random(kind)
    for _ in range(30):
        content = bytearray(whole)
        for _ in range(3):
            content[chance.randrange(len(content))] = chance.randrange(256)
        file.write_bytes(bytes(content))
        try:
            load(home / "model", mlmodel)
        except GitregError as error:
            assert file.name in error.message


@pytest.mark.parametrize("content", [k for k in SAVED if k != "safetensors"])
@pytest.mark.parametrize("place", ["pt2", "state_dict"])
def test_a_file_of_one_kind_under_the_name_of_another(content: str, place: str, home: Path) -> None:
    mlmodel, file = saved(home / "model", place)
    _, other = saved(home / "other", content)
    if content != place:
        file.write_bytes(other.read_bytes())
        refused_by_name(home / "model", mlmodel, file)


def test_weights_and_programs_under_the_name_of_a_module(home: Path) -> None:
    mlmodel, file = saved(home / "model", "pickle")
    for kind in ("state_dict", "pt2", "safetensors"):
        file.write_bytes(saved(home / kind, kind)[1].read_bytes())
        refused_by_name(home / "model", mlmodel, file)


def test_torchscript_is_told_by_what_it_is_and_not_by_its_name(home: Path) -> None:
    mlmodel, file = saved(home / "model", "pickle")
    file.write_bytes(saved(home / "other", "torchscript")[1].read_bytes())
    assert isinstance(load(home / "model", mlmodel), torch.jit.ScriptModule)


@pytest.mark.parametrize("kind", ["pickle", "torchscript", "pt2", "state_dict"])
def test_an_archive_of_other_files(kind: str, home: Path) -> None:
    mlmodel, file = saved(home / "model", kind)
    rewritten(file, lambda name, content: None, {"readme": b"hello"})
    refused_by_name(home / "model", mlmodel, file)


def test_an_archive_larger_inside_than_outside(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mlmodel, file = saved(home / "model", "torchscript")
    monkeypatch.setattr(_torch_archive, "_MOST_TEXT", 1000)
    with zipfile.ZipFile(file, "a", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("model/code/large.py", bytes(2000))
    assert "larger than itself" in refused_by_name(home / "model", mlmodel, file)


def test_two_files_of_one_name_whatever_their_case(home: Path) -> None:
    mlmodel, file = saved(home / "model", "state_dict")
    rewritten(file, lambda name, content: content, {"DATA.pkl": HOSTILE})
    assert "one of each name" in refused_by_name(home / "model", mlmodel, file)


# Hostile files


def test_a_state_dict_runs_no_code(home: Path) -> None:
    mlmodel, file = saved(home / "model", "state_dict")
    rewritten(file, lambda name, content: HOSTILE if name == "data.pkl" else content)
    assert "holds getattr, which is no weight" in refused_by_name(home / "model", mlmodel, file)
    torch.save(Hostile(), file, _use_new_zipfile_serialization=False)
    refused_by_name(home / "model", mlmodel, file)
    assert not (home / "mark").exists()


@pytest.mark.parametrize("which", ["data.pkl", "constants.pkl"])
def test_torchscript_runs_no_python(which: str, home: Path) -> None:
    mlmodel, file = saved(home / "model", "torchscript")
    rewritten(file, lambda name, content: HOSTILE if name == which else content)
    refused_by_name(home / "model", mlmodel, file)
    assert not (home / "mark").exists()


class Saves(torch.nn.Module):
    def forward(self, rows: torch.Tensor) -> torch.Tensor:
        torch.save(rows, "mark")
        return rows


class Opens(torch.nn.Module):
    def forward(self, rows: torch.Tensor) -> torch.Tensor:
        return torch.from_file("mark", True, 4)


@pytest.mark.parametrize("kind", [Saves, Opens])
def test_torchscript_that_reaches_for_files_needs_trust(kind: type[torch.nn.Module], home: Path) -> None:
    mlmodel = save_to(home / "model", torch.jit.script(kind()), **NO_PINS)
    refused_by_name(home / "model", mlmodel, home / "model.pth", Refused)
    assert isinstance(load(home / "model", mlmodel, trust=["torch.jit"]), torch.jit.ScriptModule)
    assert not (home / "mark").exists()


CALL = "__import__('pathlib').Path('mark').touch()"


REACH = 'torch.from_file("here", True, 4, dtype=0)'


def reaching(name: str, content: bytes) -> bytes:
    """TorchScript of `Doubled` that makes a file when it predicts."""
    return content.replace(b"torch.mul(x, 2)", REACH.encode()) if name.endswith(".py") else content


class Doubled(torch.nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x * 2


@pytest.mark.parametrize(
    "call",
    [
        'getattr(torch, "from_file")',
        'getattr(ops.aten, "from_" "file")',
        "getattr(torch, 'from_file')",
        'getattr(getattr(ops, "aten"), "from_file")',
        'getattr( # of torch\n  torch, "from_file")',
    ],
)
def test_torchscript_reaches_for_files_by_no_other_name(call: str, home: Path) -> None:
    mlmodel = save_to(home / "model", torch.jit.script(Doubled()), **NO_PINS)
    file = home / "model/data/model.pth"
    other = REACH.replace("torch.from_file", call).encode()
    rewritten(file, lambda name, content: reaching(name, content).replace(REACH.encode(), other))
    assert "may write or read files" in refused_by_name(home / "model", mlmodel, file, Refused)


def test_the_code_of_torchscript_is_found_whatever_its_case(home: Path) -> None:
    mlmodel = save_to(home / "model", torch.jit.script(Doubled()), **NO_PINS)
    file = home / "model/data/model.pth"
    rewritten(file, reaching)
    file.write_bytes(file.read_bytes().replace(b"/code/__torch__", b"/CODE/__torch__"))
    assert "may write or read files" in refused_by_name(home / "model", mlmodel, file, Refused)


def test_torchscript_has_numbered_parts(home: Path) -> None:
    nested = torch.nn.Sequential(torch.nn.Sequential(torch.nn.Linear(4, 2)), torch.nn.ReLU())
    mlmodel = save_to(home / "model", torch.jit.script(nested), **NO_PINS)
    assert isinstance(load(home / "model", mlmodel), torch.nn.Module)


@pytest.mark.parametrize("more", [["data.pkl", "constants.pkl"], ["data.pkl", "constants.pkl", OLD_PROGRAM]])
def test_an_archive_of_two_folders_is_damaged(more: list[str], home: Path) -> None:
    mlmodel = save_to(home / "model", torch.jit.script(Doubled()), **NO_PINS)
    file = home / "model/data/model.pth"
    rewritten(file, reaching)
    with zipfile.ZipFile(file, "a") as archive:
        for name in more:
            archive.writestr(name, b"")
    assert "not in one folder" in refused_by_name(home / "model", mlmodel, file)


@pytest.mark.parametrize("kind", ["torchscript", "pt2"])
def test_an_archive_with_two_lists_of_its_files_is_damaged(kind: str, home: Path) -> None:
    mlmodel, file = saved(home / "model", kind)
    rewritten(file, lambda name, content: content)
    content = file.read_bytes()
    # Python goes by the size of the list, and torch by its place: the first of the two is torch's.
    files, end = content.index(b"PK\1\2"), content.rindex(b"PK\5\6")
    file.write_bytes(content[:end] + content[:end] + content[end:])
    with zipfile.ZipFile(file) as archive:
        assert archive.infolist()[0].header_offset == end
    assert files < end
    assert "list of files is not at its end" in refused_by_name(home / "model", mlmodel, file)
    file.write_bytes(content + b"x")
    assert "list of files is not at its end" in refused_by_name(home / "model", mlmodel, file)


def test_an_archive_that_torch_wrote_may_have_two_ends_only_where_they_agree(home: Path) -> None:
    mlmodel, file = saved(home / "model", "torchscript")
    content = file.read_bytes()
    where = content.rindex(b"PK\6\7")
    elsewhere = (int.from_bytes(content[where + 8 : where + 16], "little") - 1).to_bytes(8, "little")
    file.write_bytes(content[: where + 8] + elsewhere + content[where + 16 :])
    assert "list of files is not at its end" in refused_by_name(home / "model", mlmodel, file)


def _size(graph: Any) -> None:
    graph["graph_module"]["graph"]["tensor_values"]["input"]["sizes"][0] = {"as_expr": {"expr_str": CALL, "hint": None}}


def _size_of_metadata(graph: Any) -> None:
    renamed = json.loads(json.dumps(graph).replace('"input"', '"metadata"'))
    renamed["graph_module"]["graph"]["tensor_values"]["input"] = {}
    graph |= renamed
    values = graph["graph_module"]["graph"]["tensor_values"]
    values["metadata"]["sizes"][0] = {"as_expr": {"expr_str": CALL, "hint": None}}
    del values["input"]


def _guards(graph: Any) -> None:
    graph["guards_code"] = [f"{CALL} is None"]


def _function(graph: Any) -> None:
    node = graph["graph_module"]["graph"]["nodes"][0]
    node["target"] = "torch.os.system"
    node["inputs"] = [{"name": "command", "arg": {"as_string": "touch mark"}, "kind": 1}]


def _file(graph: Any) -> None:
    graph["graph_module"]["graph"]["nodes"][0]["target"] = "torch.ops.aten.from_file.default"


def _name(graph: Any) -> None:
    graph["graph_module"]["graph"]["inputs"][0]["as_tensor"]["name"] = f"a={CALL}"


def _parameter(graph: Any) -> None:
    spec = graph["graph_module"]["signature"]["input_specs"][0]
    spec["parameter"]["parameter_name"] = f'0")), {CALL}, ((("'


def _nested(graph: Any) -> None:
    call = graph["graph_module"]["module_call_graph"][0]["signature"]
    call["in_spec"] = json.dumps([1, {"type": "builtins.tuple", "context": "null", "children_spec": [
        {"type": "collections.defaultdict", "context": json.dumps({"default_factory_module": "this"})}]}])  # fmt: skip


@pytest.mark.parametrize("edit", [_size, _size_of_metadata, _guards, _function, _file, _name, _parameter, _nested])
def test_the_graph_of_a_program_holds_no_code(edit: Callable[[Any], None], home: Path) -> None:
    mlmodel, file = saved(home / "model", "pt2")

    def change(name: str, content: bytes) -> bytes:
        if name != "models/model.json":
            return content
        graph = json.loads(content)
        edit(graph)
        return json.dumps(graph).encode()

    rewritten(file, change)
    message = refused_by_name(home / "model", mlmodel, file, Refused)
    assert "may run code" in message
    assert not (home / "mark").exists()


def test_what_torch_would_run_is_what_is_refused(home: Path) -> None:
    mlmodel, file = saved(home / "model", "pt2")

    def change(name: str, content: bytes) -> bytes:
        if name != "models/model.json":
            return content
        graph = json.loads(content)
        _guards(graph)
        return json.dumps(graph).encode()

    rewritten(file, change)
    model: Any = load(home / "model", mlmodel, trust=["torch.export"])
    model(torch.ones(3, 4))
    assert (home / "mark").exists()


def _pickled(name: str, content: bytes) -> bytes:
    if name != "data/weights/model_weights_config.json":
        return HOSTILE if name == "data/weights/weight_0" else content
    config = json.loads(content)
    next(iter(config["config"].values()))["use_pickle"] = True
    return json.dumps(config).encode()


def _examples(name: str, content: bytes) -> bytes:
    if name != "data/sample_inputs/model.pt":
        return content
    buffer = io.BytesIO()
    torch.save(((Hostile(),), {}), buffer)
    return buffer.getvalue()


@pytest.mark.parametrize("edit", [_pickled, _examples])
def test_nothing_in_a_program_is_unpickled_with_code(edit: Callable[[str, bytes], bytes], home: Path) -> None:
    mlmodel, file = saved(home / "model", "pt2")
    rewritten(file, edit)
    refused_by_name(home / "model", mlmodel, file, Refused)
    assert not (home / "mark").exists()


@pytest.mark.parametrize("name", ["data/aotinductor/model/x.so", "data/constants/custom_obj_0", "Models/other.json"])
def test_other_files_in_a_program_need_trust(name: str, home: Path) -> None:
    mlmodel, file = saved(home / "model", "pt2")
    rewritten(file, lambda name, content: content, {name: b"{}"})
    assert name in refused_by_name(home / "model", mlmodel, file, Refused)


def test_sizes_are_sums_of_symbols() -> None:
    for text in (
        "Symbol('s31', positive=True, integer=True)",
        "Add(Symbol('s0', integer=True), Integer(1))",
        "Mul(Integer(2), Pow(Symbol('s0'), Integer(2)))",
        "FloorDiv(s0, 2) + 1",
        "Eq(Symbol('u0'), Integer(4))",
        "Max(1, s77)",
        "s0 <= 9",
        "((-1) + (L['flat_args'][0].size()[3] // 2)) >= 1 and L['rows'].size()[0] != 1",
        "(max(1, (-2) + L['flat_args'][0].size()[2])*4) != 1",
        "L['count'] == 3",
    ):
        assert is_size(text), text
    for text in (
        "",
        "open('x')",
        "s0.__class__",
        "().__class__",
        "lambda: 0",
        "[x for x in s0]",
        "Symbol('a'*9)",
        "Symbol(__import__('os'))",
        "preview(s0)",
        "L['rows'].size().__class__",
        "L['rows'].size(open('x'))[0]",
        "L['rows'].numpy()[0]",
        "L['it\"s'] == 3",
        "L[open('x')]",
        "L['rows'][open('x')].size()[0]",
        "s0 == 1 # more",
        "s0 ==\n1",
        "9**9**9",
        "Pow(9, Pow(9, 9))",
        "2**100000",
        "10**400 * 1",
        "s0" + " + s0" * 5000,
        "(" * 500 + "s0" + ")" * 500,
    ):
        assert not is_size(text), text


def test_a_module_pickled_with_another_module_needs_trust(home: Path) -> None:
    mlmodel, file = saved(home / "model", "pickle")
    info = file.with_name("pickle_module_info.txt")
    info.write_text("antigravity")
    with pytest.raises(Refused, match="'antigravity'"):
        load(home / "model", mlmodel)
    assert "antigravity" not in sys.modules
    for known in ("pickle", "cloudpickle", "mlflow.pytorch.pickle_module\n"):
        info.write_text(known)
        load(home / "model", mlmodel)
    info.unlink()
    load(home / "model", mlmodel)


# Devices, older versions


def test_a_model_of_a_device_that_is_not_here_comes_to_the_cpu(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.serialization, "location_tag", lambda storage: "cuda:0")
    module, weights = (saved(home / kind, kind)[0] for kind in ("pickle", "state_dict"))
    monkeypatch.undo()
    assert b"cuda:0" in (home / "pickle/data/model.pth").read_bytes()
    assert b"cuda:0" in (home / "state_dict/state_dict.pth").read_bytes()
    native: Any = load(home / "pickle", module)
    rows = torch.from_numpy(numbers())
    assert torch.equal(native(rows), layers()(rows))
    found: Any = load(home / "state_dict", weights)
    assert {str(value.device) for value in found.values()} == {"cpu"}


def test_torchscript_of_a_device_that_is_not_here_comes_to_the_cpu(home: Path) -> None:
    mlmodel, file = saved(home / "model", "torchscript")
    here, there = b"X\x03\x00\x00\x00cpu", b"X\x06\x00\x00\x00cuda:0"
    assert here in file.read_bytes()
    rewritten(file, lambda name, content: content.replace(here, there) if name == "data.pkl" else content)
    native: Any = load(home / "model", mlmodel)
    rows = torch.from_numpy(numbers())
    assert torch.equal(native(rows), layers()(rows))


def test_a_program_of_a_device_that_is_not_here_says_so(home: Path) -> None:
    mlmodel, file = saved(home / "model", "pt2")
    rewritten(file, lambda name, content: content.replace(b'"type": "cpu"', b'"type": "cuda"'))
    assert "cuda" in refused_by_name(home / "model", mlmodel, file, Unsupported)


MLMODEL_1 = """\
artifact_path: model
flavors:
  python_function:
    data: data
    env: conda.yaml
    loader_module: mlflow.pytorch
    pickle_module_name: mlflow.pytorch.pickle_module
    python_version: 3.7.3
  pytorch:
    model_data: data
    pytorch_version: 1.4.0
run_id: d8bf1e1ee5454a66b2a9ee1e7a1ba0d8
utc_time_created: '2020-05-01 10:00:00.000000'
"""


def of_mlflow_1(folder: Path, model: Any) -> MLModel:
    (folder / "data").mkdir(parents=True)
    (folder / "data/pickle_module_info.txt").write_text("mlflow.pytorch.pickle_module")
    (folder / "MLmodel").write_text(MLMODEL_1)
    torch.save(model, folder / "data/model.pth", _use_new_zipfile_serialization=False)
    return parse_mlmodel(MLMODEL_1)


def test_a_directory_of_mlflow_1_and_a_file_of_torch_1_4(home: Path) -> None:
    mlmodel = of_mlflow_1(home / "model", layers())
    native: Any = load(home / "model", mlmodel)
    want = layers()(torch.from_numpy(numbers())).tolist()
    assert native(torch.from_numpy(numbers())).tolist() == want
    found: Any = load_pyfunc(home / "model", mlmodel).predict(pd.DataFrame(numbers()))
    assert found.to_numpy().tolist() == want


def test_a_directory_that_names_python_function_only(home: Path) -> None:
    mlmodel = of_mlflow_1(home / "model", layers())
    flavors = {"python_function": mlmodel.flavors["python_function"]}
    found: Any = load_pyfunc(home / "model", MLModel(flavors=flavors)).predict(numbers())
    assert found.tolist() == layers()(torch.from_numpy(numbers())).tolist()


def test_a_file_that_another_torch_wrote_says_what_to_install(home: Path) -> None:
    mlmodel = of_mlflow_1(home / "model", layers())
    (home / "model/requirements.txt").write_text("torch==1.4.0\n")
    (home / "model/data/model.pth").write_bytes(b"of another time")
    with pytest.raises(Unsupported, match=r"written by torch 1.4.0, and 2\.") as caught:
        load(home / "model", mlmodel)
    assert caught.value.hint.endswith(f"pip install -r {home / 'model/requirements.txt'}")


# What saving and loading leave as they were


def test_a_module_in_training_stays_so_and_predicts_as_in_eval_mode(home: Path) -> None:
    model = layers().train()
    model[1].eval()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    modes = [part.training for part in model.modules()]
    want = layers()(torch.from_numpy(numbers())).tolist()
    for number, how in enumerate(("pickle", "pt2")):
        folder = home / str(number)
        mlmodel = save_to(folder, model, input_example=numbers()[:3], serialization_format=how, **NO_PINS)
        assert [part.training for part in model.modules()] == modes
        assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
        found: Any = load_pyfunc(folder, mlmodel).predict(numbers())
        assert found.tolist() == want
        assert mlmodel.signature is not None and mlmodel.signature.outputs is not None


def test_the_programs_own_settings_are_left_alone(home: Path) -> None:
    torch.manual_seed(11)
    state, kind, threads = torch.get_rng_state(), torch.get_default_dtype(), torch.get_num_threads()
    places = random.getstate(), np.random.get_state()[1].tolist()  # type: ignore[index]  # a tuple by default
    saved_too: Any = {"example": {"input_example": numbers()[:3]}}
    for kind_of in SAVED:
        make, options, _ = SAVED[kind_of]
        model = make()
        torch.set_rng_state(state)
        example = {} if kind_of in ("state_dict", "safetensors") else saved_too["example"]
        mlmodel = save_to(home / kind_of, model, **NO_PINS, **options, **example)
        load(home / kind_of, mlmodel)
        assert torch.equal(torch.get_rng_state(), state)
    assert (torch.get_default_dtype(), torch.get_num_threads()) == (kind, threads)
    assert (random.getstate(), np.random.get_state()[1].tolist()) == places  # type: ignore[index]  # as above


SCRIPT = """
import hashlib, sys, warnings
warnings.simplefilter("ignore")
sys.path.insert(0, sys.argv[1])
from pathlib import Path
import torch
from flavors.saving import save_to, files_of
torch.manual_seed(0)
weights = torch.arange(4.0)
class Net(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.inner = torch.nn.Linear(4, 2)
    def forward(self, rows):
        return self.inner(rows * weights)
model = Net().eval()
tied = dict(model.state_dict(), again=model.inner.weight, more=model.inner.weight, bias=model.inner.bias)
tied |= {f"also {n}": model.inner.bias for n in range(9)}
example = {"input_example": torch.ones(3, 4).numpy()}
saved = {
    "pickle": (model, {}),
    "pt2": (model, {"serialization_format": "pt2", **example}),
    "torchscript": (torch.jit.trace(model, torch.ones(3, 4)), {}),
    "state_dict": (model, {"serialization_format": "state_dict"}),
    "safetensors": (tied, {"serialization_format": "safetensors"}),
}
for name, (what, options) in saved.items():
    folder = Path(sys.argv[2] + name)
    save_to(folder, what, pip_requirements=["torch"], **options)
    for file, content in sorted(files_of(folder).items()):
        print(name, file, hashlib.sha256(content).hexdigest())
"""


def test_the_same_script_writes_the_same_bytes_again(tmp_path: Path) -> None:
    said = []
    (tmp_path / "train.py").write_text(SCRIPT)
    for seed in ("1", "2"):
        done = subprocess.run(
            [sys.executable, "train.py", str(TESTS), seed],
            cwd=tmp_path, env={"PYTHONHASHSEED": seed, "PATH": "", "HOME": str(tmp_path)},
            check=True, capture_output=True, text=True,
        )  # fmt: skip
        said.append(done.stdout.splitlines())
    assert said[0] == said[1]
    assert len(said[0]) > 20


# What is asked, and of what


def test_params_are_passed_to_forward(home: Path) -> None:
    class Scaled(torch.nn.Module):
        def forward(self, rows: torch.Tensor, factor: float = 1.0, device: str = "") -> torch.Tensor:
            return rows * factor

    example = numbers()[:3], {"factor": 1.0, "device": ""}
    with pytest.warns(UserWarning, match="device is no param"):
        mlmodel = save_to(home / "model", Scaled(), input_example=example, **NO_PINS)
    call = load_pyfunc(home / "model", mlmodel).call
    found: Any = call(numbers(), {"factor": 2.0})
    assert found.tolist() == (numbers() * 2).tolist()
    with pytest.raises(Refused, match="device is no param"):
        call(numbers(), {"device": "cpu"})


@pytest.mark.parametrize("data", [[[1.0, 2.0, 3.0, 4.0]], {"a": [1.0]}, "text", None])
def test_data_that_is_neither_frame_nor_array(data: object, home: Path) -> None:
    mlmodel = save_to(home / "model", layers(), **NO_PINS)
    with pytest.raises(Refused, match=r"take a frame or an array, not a (list|dict|str|NoneType)"):
        load_pyfunc(home / "model", mlmodel).predict(data)
    with pytest.raises(Refused, match="no tensors of"):
        load_pyfunc(home / "model", mlmodel).predict(np.array([["a"]]))


def test_data_is_never_written_to(home: Path) -> None:
    class Greedy(torch.nn.Module):
        def forward(self, rows: torch.Tensor) -> torch.Tensor:
            return rows.add_(1)

    model = load_pyfunc(home / "model", save_to(home / "model", Greedy(), **NO_PINS))
    rows = numbers()
    rows.flags.writeable = False
    before = rows.tolist()
    for data in (rows, rows[::-1], rows.astype(">f4")):
        found: Any = model.predict(data)
        assert found.tolist() == (data.astype("float32") + np.float32(1)).tolist()
    assert rows.tolist() == before


def test_frames_keep_their_index_and_frames_of_polars_are_taken(home: Path) -> None:
    model = load_pyfunc(home / "model", save_to(home / "model", layers(), **NO_PINS))
    frame = pd.DataFrame(numbers(), index=[f"row {number}" for number in range(100)])
    found: Any = model.predict(frame)
    assert list(found.index) == list(frame.index) and list(found.columns) == [0, 1]
    again: Any = model.predict(pl.from_numpy(numbers()))
    assert np.allclose(again, found.to_numpy(), atol=1e-6)


def test_a_type_that_numpy_lacks_comes_out_as_float32(home: Path) -> None:
    class Narrow(torch.nn.Module):
        def forward(self, rows: torch.Tensor) -> torch.Tensor:
            return rows.to(torch.bfloat16)

    model = load_pyfunc(home / "model", save_to(home / "model", Narrow(), **NO_PINS))
    found: Any = model.predict(numbers())
    assert found.dtype == "float32"
    assert found.tolist() == torch.from_numpy(numbers()).to(torch.bfloat16).tolist()


def test_a_model_that_gives_no_tensor_says_so(home: Path) -> None:
    class Pair(torch.nn.Module):
        def forward(self, rows: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
            return rows, rows

    model = load_pyfunc(home / "model", save_to(home / "model", Pair(), **NO_PINS))
    with pytest.raises(Refused, match="gives a tuple"):
        model.predict(numbers())


def test_weights_have_no_predict(home: Path) -> None:
    mlmodel, _ = saved(home / "model", "state_dict")
    assert mlmodel.flavor_names == ("pytorch",) or list(mlmodel.flavor_names) == ["pytorch"]
    with pytest.raises(Unsupported, match="has no predict"):
        load_pyfunc(home / "model", mlmodel)


# What is saved, and how


def test_a_model_is_told_by_names_alone() -> None:
    code = """
import sys
from gitreg.flavors import pytorch
assert not any(map(pytorch.detect, ({}, {"a": 1}, [], object(), None, "text")))
assert "torch" not in sys.modules
"""
    subprocess.run([sys.executable, "-c", code], check=True)
    for make, _, _ in SAVED.values():
        assert pytorch.detect(make())
    assert not pytorch.detect({"state": layers().state_dict(), "epoch": 3})
    assert not pytorch.detect({1: torch.ones(2)})


@pytest.mark.parametrize(
    ("make", "options", "said"),
    [
        (layers, {"serialization_format": "onnx"}, "no serialization_format onnx"),
        (layers, {"pickle_module": "dill"}, "does not know the option pickle_module"),
        (layers, {"export_model": True, "serialization_format": "pickle"}, "export_model writes pt2"),
        (layers, {"serialization_format": "pt2"}, "pt2 needs an input_example"),
        (scripted, {"serialization_format": "pt2"}, "cannot be saved as pt2"),
        (program, {"serialization_format": "pickle"}, "cannot be saved as pickle"),
        (lambda: {"a": torch.ones(2)}, {"serialization_format": "pickle"}, "a dict cannot be saved as pickle"),
        (lambda: object(), {"flavor": "pytorch"}, "is no PyTorch model"),
        (lambda: {"a": object()}, {"flavor": "pytorch"}, "a state_dict cannot hold a builtins.object"),
        (lambda: {"a": 1}, {"flavor": "pytorch", "serialization_format": "safetensors"}, "a is a int"),
    ],
)  # fmt: skip
def test_what_cannot_be_saved_is_refused(
    make: Callable[[], Any], options: dict[str, Any], said: str, home: Path
) -> None:
    with pytest.raises(Refused, match=said):
        save_to(home / "model", make(), **NO_PINS, **options)


def test_a_module_that_cannot_be_pickled_or_exported_says_why(home: Path) -> None:
    class Locked(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.lock = threading.Lock()

        def forward(self, rows: torch.Tensor) -> torch.Tensor:
            return rows if rows.sum().item() > 0 else rows * np.random.default_rng().random()

    with pytest.raises(Refused, match="Locked cannot be saved as pickle"):
        save_to(home / "model", Locked(), **NO_PINS)
    with pytest.raises(Refused, match="Locked cannot be exported"):
        save_to(home / "other", Locked(), serialization_format="pt2", input_example=numbers()[:3], **NO_PINS)


def test_export_model_writes_what_mlflow_does(home: Path) -> None:
    save_to(home / "model", layers(), export_model=True, input_example=numbers()[:3], **NO_PINS)
    assert (home / "model/data/model.pt2").is_file()
    assert not (home / "model/data/pickle_module_info.txt").exists()


def test_a_program_with_conditions_on_its_sizes(home: Path) -> None:
    parts = torch.nn.Conv2d(3, 4, 3), torch.nn.BatchNorm2d(4), torch.nn.MaxPool2d(2)
    open_sizes = [{0: torch.export.Dim.AUTO, 2: torch.export.Dim.AUTO, 3: torch.export.Dim.AUTO}]
    rows = torch.ones(2, 3, 9, 9)
    made = torch.export.export(torch.nn.Sequential(*parts).eval(), (rows,), dynamic_shapes=open_sizes)
    mlmodel = save_to(home / "model", made, **NO_PINS)
    with zipfile.ZipFile(home / "model/data/model.pt2") as archive:
        assert json.loads(archive.read("model/models/model.json"))["guards_code"]
    found: Any = load(home / "model", mlmodel)
    assert found(torch.ones(5, 3, 12, 9)).shape == (5, 4, 5, 3)


def test_a_program_that_needs_trust_says_so_when_it_is_saved(home: Path) -> None:
    class Defaults(torch.nn.Module):
        def forward(self, rows: dict[str, torch.Tensor]) -> torch.Tensor:
            return rows["a"] + 1

    made = torch.export.export(Defaults(), (defaultdict(list, a=torch.ones(2)),))
    with pytest.warns(UserWarning, match=r"model.pt2 may run code when it is loaded: .*; trust=\['torch.export'\]"):
        mlmodel = save_to(home / "model", made, **NO_PINS)
    refused_by_name(home / "model", mlmodel, home / "model.pt2", Refused)
    found: Any = load(home / "model", mlmodel, trust=["torch.export"])
    assert found(defaultdict(list, a=torch.ones(2))).tolist() == [2, 2]


def test_a_program_takes_any_number_of_rows_as_its_example_did_not(home: Path) -> None:
    mlmodel = save_to(
        home / "model", layers(), serialization_format="pt2", input_example=pd.DataFrame(numbers()[:3]), **NO_PINS
    )
    found: Any = load_pyfunc(home / "model", mlmodel).predict(pd.DataFrame(numbers()))
    assert np.allclose(found.to_numpy(), layers()(torch.from_numpy(numbers())).detach().numpy(), atol=1e-6)


def test_tensors_of_several_names_are_written_once(home: Path) -> None:
    large = torch.arange(10_000.0)
    weights = {"a": large, "b": large, "c": large.clone(), "format": torch.ones(1)}
    mlmodel = save_to(home / "model", weights, serialization_format="safetensors", **NO_PINS)
    assert 80_000 < (home / "model/model.safetensors").stat().st_size < 82_000
    found: Any = load(home / "model", mlmodel)
    assert found.keys() == weights.keys()
    assert all(torch.equal(found[name], weights[name]) for name in weights)
    assert found["a"].data_ptr() == found["b"].data_ptr() != found["c"].data_ptr()
    with pytest.raises(Refused, match="safetensors does not take"):
        save_to(home / "other", {"a": large, "b": large[5:]}, serialization_format="safetensors", **NO_PINS)


def test_weights_go_back_into_a_module(home: Path) -> None:
    for how in ("state_dict", "safetensors"):
        mlmodel = save_to(home / how, layers(), serialization_format=how, **NO_PINS)
        fresh = torch.nn.Sequential(*[type(part)(*given) for part, given in zip(layers(), _GIVEN, strict=True)])
        fresh.load_state_dict(load(home / how, mlmodel))  # type: ignore[arg-type]  # a dict
        rows = torch.from_numpy(numbers())
        assert torch.equal(fresh.eval()(rows), layers()(rows))


_GIVEN: tuple[tuple[Any, ...], ...] = ((4, 8), (8,), (), (0.5,), (8, 2))


def test_without_safetensors_it_is_named(home: Path, without: Any) -> None:
    mlmodel, _ = saved(home / "model", "safetensors")
    without("safetensors")
    with pytest.raises(Unsupported, match="needs safetensors, which is not installed") as caught:
        load(home / "model", mlmodel)
    assert caught.value.hint == "pip install safetensors"


def test_requirements_are_what_the_model_names(home: Path) -> None:
    for kind, needs in {
        "pickle": ["cloudpickle", "numpy", "torch"],
        "torchscript": ["numpy", "torch"],
        "pt2": ["numpy", "torch"],
        "state_dict": ["torch"],
        "safetensors": ["safetensors", "torch"],
    }.items():
        make, options, _ = SAVED[kind]
        save_to(home / kind, make(), **options)
        lines = (home / kind / "requirements.txt").read_text().splitlines()
        assert [line.partition("==")[0] for line in lines] == needs
        assert not any("+" in line for line in lines)


def test_the_size_is_that_of_all_files(home: Path) -> None:
    for kind in SAVED:
        mlmodel, _ = saved(home / kind, kind)
        found = files_of(home / kind)
        assert mlmodel.model_size_bytes == sum(map(len, found.values())) - len(found["MLmodel"])
