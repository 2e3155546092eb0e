"""`gitreg dockerfile`: a folder that an image is built from. What it says is done here, and the server answers."""

from __future__ import annotations

import json
import os
import subprocess
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pandas
import pytest
from hatchling.builders.wheel import WheelBuilder
from sklearn.linear_model import LogisticRegression

import gitreg as library
from gitreg import __version__
from testing.clock import Clock
from testing.commandline import Said, gitreg
from testing.images import Built, build
from testing.serving import free_port

TOP = Path(__file__).parents[2]
ROWS = pandas.DataFrame({"a": [0.0, 1.0, 2.0, 3.0], "b": [1, 0, 1, 0]})


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """gitreg's own."""
    (path,) = WheelBuilder(str(TOP)).build(directory=str(tmp_path_factory.mktemp("wheel")), versions=["standard"])
    return Path(path)


@pytest.fixture
def place(home: Path, fixed_clock: Clock, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A registry with one model; the current folder is beside it."""
    library.init(home / "reg")
    model = LogisticRegression().fit(ROWS, [0, 0, 1, 1])
    library.log_model(model, input_example=ROWS, register_as="churn", registry=home / "reg")
    (home / "work").mkdir()
    monkeypatch.chdir(home / "work")
    monkeypatch.setenv("GITREG_REGISTRY", str(home / "reg"))
    return home / "reg"


def dockerfile(*args: str | Path) -> Said:
    said = gitreg("dockerfile", *args)
    assert (said.code, said.err) == (0, ""), said
    return said


def contents(folder: Path) -> dict[str, tuple[int, bytes]]:
    return {
        str(path.relative_to(folder)): (path.stat().st_mode, path.read_bytes())
        for path in folder.rglob("*")
        if path.is_file()
    }


@contextmanager
def running(built: Built, log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """The image's command, healthy. Its PATH has nothing but the image's own programs: no git, nothing of Debian's."""
    variables = built.variables(str(built.path("venv/bin")))
    program = built.path("venv/bin") / built.command[0]
    with log.open("wb") as out, subprocess.Popen([program, *built.command[1:]], env=variables, stderr=out) as process:
        python = str(built.path("venv/bin/python"))
        try:
            while subprocess.run([python, *built.health[1:]], capture_output=True, check=False).returncode:
                assert process.poll() is None, log.read_text()
            yield process
        finally:
            process.terminate()


def test_the_image_serves_the_model_that_was_baked_in(place: Path, home: Path, wheel: Path) -> None:
    port = free_port()
    said = dockerfile("churn", "--wheel", wheel, "--port", str(port))
    assert said.out == (
        "churn@v1.0.0, which churn is now, is in churn-image\n"
        "build it: docker build -t churn:v1.0.0 churn-image\n"
    )  # fmt: skip
    built = build(Path("churn-image"), home / "docker")
    assert (built.user, built.installed_by_apt) == ("10001:10001", "useradd --create-home --uid 10001 gitreg\n")
    assert built.labels["org.opencontainers.image.version"] == "v1.0.0"
    assert built.labels["gitreg.digest"] == library.resolve("churn", registry=place).digest
    with running(built, home / "log") as process:
        request = urllib.request.Request(
            f"http://127.0.0.1:{port}/invocations",
            ROWS.to_csv(index=False).encode(),
            {"Content-Type": "text/csv"},
        )
        with urllib.request.urlopen(request, timeout=60) as answer:
            assert json.load(answer) == {"predictions": [0, 0, 1, 1]}
            assert answer.headers["X-Gitreg-Version"] == "churn@v1.0.0"
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=60) as answer:
            health = json.load(answer)
        assert (health["model"], health["version"]) == ("churn@v1.0.0", "v1.0.0")
    assert process.returncode == 0, (home / "log").read_text()

    model = built.path("model/model.pkl")
    model.write_bytes(model.read_bytes()[:-1] + b"!")
    variables = built.variables(str(built.path("venv/bin")))
    program = built.path("venv/bin") / built.command[0]
    refused = subprocess.run([program, *built.command[1:]], env=variables, capture_output=True, check=False)
    assert (refused.returncode, refused.stdout) == (128, b"")
    assert b"model.pkl is damaged" in refused.stderr


def test_the_same_version_gives_the_same_bytes(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    dockerfile("churn", "-o", "one")
    before = os.umask(0o077)
    try:
        monkeypatch.setenv("GITREG_NOW", "2031-01-01T00:00:00Z")
        dockerfile("churn@v1.0.0", "-o", "two")
    finally:
        os.umask(before)
    assert contents(Path("one")) == contents(Path("two"))
    assert sorted(path.name for path in Path("one").iterdir()) == [
        *(".dockerignore", "Dockerfile", "model", "requirements.txt")
    ]
    lines = Path("one/requirements.txt").read_text().splitlines()
    assert lines[-1] == f"gitreg[serve]=={__version__}"
    assert set(Path("one/model/requirements.txt").read_text().splitlines()) <= set(lines)


def test_a_folder_of_wheels_makes_an_image_without_an_index(place: Path, wheel: Path) -> None:
    Path("wheels").mkdir()
    for name in (wheel.name, "uv-0.13.9-py3-none-any.whl"):
        Path("wheels", name).write_bytes(wheel.read_bytes())
    Path("wheels/notes.txt").write_text("no wheel")
    base = f"registry.example:5000/python@sha256:{'0' * 64}"
    dockerfile("churn", "--wheels", "wheels", "--manager", "uv", "--base", base)
    text = Path("churn-image/Dockerfile").read_text()
    assert f"\nFROM {base}\n" in text
    assert "RUN pip install --no-cache-dir --disable-pip-version-check --no-index --find-links wheels uv &&" in text
    own = f'"./wheels/{wheel.name}[serve]"'
    assert f"install --no-cache --no-index --find-links wheels --requirement requirements.txt {own}\n" in text
    assert "gitreg" not in Path("churn-image/requirements.txt").read_text()
    assert sorted(os.listdir("churn-image/wheels")) == sorted([wheel.name, "uv-0.13.9-py3-none-any.whl"])


def test_what_debian_has_to_bring_is_installed(place: Path) -> None:
    requirements = ["lightgbm==4.7.0", "pyspark==4.3.0"]
    library.log_model(
        lambda data: data, pip_requirements=requirements, register_as="spark", registry=place
    )  # fmt: skip
    found = json.loads(gitreg("dockerfile", "spark", "--json").out)
    assert found["packages"] == ["default-jre-headless", "libgomp1"]
    assert "--no-install-recommends default-jre-headless libgomp1 &&" in Path("spark-image/Dockerfile").read_text()


def test_a_dry_run_writes_nothing(place: Path) -> None:
    said = dockerfile("churn@1", "-n")
    assert said.out.splitlines()[0] == "churn@v1.0.0 would go to churn-image"
    assert os.listdir() == []


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (["--base", "python:3.11 AS x\nRUN evil"], "'python:3.11 AS x\\nRUN evil' is no name of an image"),
        (["--wheel", "gone.whl"], "no file gone.whl"),
        (["--wheels", "gone"], "no folder gone"),
        (["--wheels", "."], "there is no wheel of gitreg among the wheels"),
        (["--wheels", ".", "--manager", "uv"], ". has no wheel of uv"),
        (["-o", "full"], "full is there already and not empty"),
    ],
)
def test_what_cannot_be_baked_is_refused(place: Path, args: list[str], message: str) -> None:
    Path("full").mkdir()
    Path("full/file").write_text("mine")
    said = gitreg("dockerfile", "churn", *args)
    assert (said.code, said.out, said.err.splitlines()[0]) == (128, "", f"error: {message}")
    assert os.listdir() == ["full"]


def test_what_does_not_predict_is_not_baked(place: Path, tmp_path: Path) -> None:
    folder = tmp_path / "weights"
    folder.mkdir()
    (folder / "MLmodel").write_text("flavors:\n  pytorch:\n    model_data: data\n")
    (folder / "data").write_text("1.0\n")
    library.commit(folder, register_as="weights", registry=place)
    said = gitreg("dockerfile", "weights")
    assert (said.code, said.out) == (128, "")
    assert said.err.splitlines()[0] == "error: weights@v0.1.0 has no python_function, so it has no predict"
    assert os.listdir() == []
