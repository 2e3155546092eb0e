"""What is taken from a model's files: names and versions, and nothing that leads anywhere."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from gitreg.errors import Damaged, Unsupported
from gitreg.format.schema import Column, Signature, Tensor
from gitreg.registry.environments.recipe import Wanted, needed_to_answer, read_wanted

MLMODEL = "flavors:\n  python_function:\n    loader_module: gitreg_loader_1\n    python_version: 3.12.4\n"
HIS_INDEX = "https://elsewhere.example.org/simple"


def read(files: Mapping[str, str]) -> Wanted:
    given = {"MLmodel": MLMODEL, **files}
    return read_wanted(lambda name: given[name].encode() if name in given else None, "churn@v1.0.0")[0]


def test_the_three_files_are_read_together() -> None:
    found = read({
        "python_env.yaml": "python: 3.11.7\nbuild_dependencies: [pip==24.0, setuptools, wheel, cython==3.0]\n"
        "dependencies: ['-r requirements.txt']\n",
        "requirements.txt": "scikit-learn==1.5.2  # pinned\nnumpy\n",
        "conda.yaml": "channels: [conda-forge]\ndependencies: [python=3.11.7, pip<=24, {pip: [numpy]}]\nname: x\n",
    })  # fmt: skip
    assert (found.python, found.recipe.python, found.remarks) == ("3.11.7", "3.11", ())
    assert found.recipe.requirements == ("cython==3.0", "scikit-learn==1.5.2", "numpy")
    assert found.recipe.conda.dependencies == ("python=3.11.7", "pip<=24")
    assert (found.recipe.conda.channels, found.recipe.conda.pip) == (("conda-forge",), ("numpy",))


def test_what_is_not_written_is_taken_from_what_is() -> None:
    only_conda = read({"conda.yaml": "dependencies: [python=3.10, numpy=2.1.0, {pip: [cloudpickle]}]\n"})
    assert (only_conda.recipe.python, only_conda.recipe.requirements) == ("3.10", ("numpy==2.1.0", "cloudpickle"))
    nothing = read({"requirements.txt": "numpy==2.1.0\n"})
    assert nothing.recipe.python == "3.12"
    assert nothing.recipe.conda.dependencies == ("python=3.12", "pip")


@pytest.mark.parametrize(
    "files",
    [
        {"requirements.txt": f"--index-url {HIS_INDEX}\nnumpy\n"},
        {"requirements.txt": f"--find-links {HIS_INDEX}\n"},
        {"requirements.txt": "-r /etc/passwd\n"},
        {"requirements.txt": "-e .\n"},
        {"requirements.txt": "./wheel.whl\n"},
        {"requirements.txt": f"numpy @ {HIS_INDEX}/numpy.whl\n"},
        {"requirements.txt": "numpy==${VERSION}\n"},
        {"python_env.yaml": f"python: 3.11.7\ndependencies: ['--extra-index-url {HIS_INDEX}']\n"},
        {"python_env.yaml": "python: 3.11.7\nbuild_dependencies: ['-r other.txt']\n"},
        {"python_env.yaml": "python: '3.11; rm -r ~'\n"},
        {"python_env.yaml": "python: --help\n"},
        {"python_env.yaml": f"python: '3.{'9' * 5000}'\n"},
        {"conda.yaml": f"dependencies: [python=3.11, {{pip: ['-i {HIS_INDEX}']}}]\n"},
        {"conda.yaml": f"dependencies: ['{HIS_INDEX}/evil.conda']\n"},
        {"conda.yaml": "dependencies: ['--file=x']\n"},
        {"conda.yaml": "dependencies: ['numpy[url=x]']\n"},
    ],
)
def test_what_leads_elsewhere_is_refused(files: Mapping[str, str]) -> None:
    with pytest.raises(Damaged):
        read({"requirements.txt": "numpy\n", **files})


def test_a_channel_is_the_users_to_name() -> None:
    conda = f"channels: ['{HIS_INDEX}', conda-forge, someone]\ndependencies: [python=3.11, 'someone::numpy=2.1']\n"
    found = read({"requirements.txt": "numpy\n", "conda.yaml": conda})
    assert found.recipe.conda.channels == ("conda-forge",)
    assert found.recipe.conda.dependencies == ("python=3.11", "numpy=2.1")
    assert len(found.remarks) == 2
    assert HIS_INDEX in found.remarks[1]


def test_what_gitreg_needs_is_added_once() -> None:
    found = read({"requirements.txt": "PyYAML==6.0.3\nPandas\n"})
    table = Signature((Column("a", "double"),))
    tensor = Signature((Tensor(None, "float32", (-1, 2)),))
    assert found.to_answer(needed_to_answer(table)).recipe.requirements == ("PyYAML==6.0.3", "Pandas", "packaging")
    assert found.to_answer(needed_to_answer(tensor)).recipe.requirements[2:] == ("packaging", "numpy")
    parquet = found.to_answer(needed_to_answer(tensor, parquet=True))
    assert parquet.recipe.requirements[2:] == ("packaging", "numpy", "pyarrow")
    assert parquet.recipe.conda.dependencies == ("python=3.12", "pip", "packaging", "numpy", "pyarrow")


def test_a_python_that_gitreg_does_not_run_in_is_told() -> None:
    found = read({"python_env.yaml": "python: 3.8.1\n"})
    with pytest.raises(Unsupported, match=r"needs Python 3\.8, and gitreg predicts with 3\.10 and later") as caught:
        found.to_answer(["pandas"])
    assert caught.value.hint.startswith("gitreg env create churn@v1.0.0 -p DIR")
