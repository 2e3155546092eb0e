"""Makes the corpus registry-1: a registry of format 1 as gitreg 0.1.0 wrote it, which every later release must read.

`python tests/corpus/make_registry_1.py [FOLDER]` writes registry.bundle, payloads/ and expected.json. It was run once;
run again with a later gitreg it makes another registry, so it writes to no folder that has one.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
STARTED = datetime(2026, 3, 2, 9, 30, 0, 125000, tzinfo=UTC)
GITCONFIG = "[user]\n\tname = Ana Analyst\n\temail = ana@example.org\n[init]\n\tdefaultBranch = main\n"
REQUIREMENTS = ["cloudpickle==3.1.2", "scikit-learn==1.9.1"]
STORE = "/srv/gitreg/payloads"


class _Clock:
    """An hour later each time."""

    hours = 0

    def tick(self) -> None:
        os.environ["GITREG_NOW"] = (STARTED + timedelta(hours=self.hours)).isoformat().replace("+00:00", "Z")
        self.hours += 1


@contextmanager
def sealed() -> Iterator[Path]:
    """A home of its own with a fixed identity, and nothing of the environment that gitreg or git would take."""
    kept = dict(os.environ)
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        (home / ".gitconfig").write_text(GITCONFIG)
        for name in kept:
            if name.startswith(("GIT_", "GITREG_", "GITHUB_", "GITLAB_", "CI_", "XDG_")):
                del os.environ[name]
        os.environ |= {"HOME": folder, "GIT_CONFIG_GLOBAL": str(home / ".gitconfig"), "GIT_CONFIG_NOSYSTEM": "1"}
        os.environ["TZ"] = "UTC"
        try:
            os.chdir(home)
            yield home
        finally:
            os.chdir(HERE)
            os.environ.clear()
            os.environ.update(kept)


def git(where: Path, *args: str | Path) -> str:
    """What git prints."""
    dated = os.environ | dict.fromkeys(("GIT_AUTHOR_DATE", "GIT_COMMITTER_DATE"), os.environ.get("GITREG_NOW", ""))
    return subprocess.run(["git", *args], cwd=where, check=True, capture_output=True, text=True, env=dated).stdout


def fill(registry: Path) -> None:
    """Everything that docs/format.md tells of a registry in a few small models."""
    from sklearn.datasets import load_iris
    from sklearn.tree import DecisionTreeClassifier

    import gitreg
    from gitreg.format.schema import Column, Param, Signature

    clock = _Clock()
    clock.tick()
    gitreg.init(registry, payloads=registry.parent / "payloads")
    gitreg.use(registry)
    settings(registry)
    x, y = load_iris(return_X_y=True)
    fitted = DecisionTreeClassifier(max_depth=2, random_state=0).fit(x, y)
    names = ("sepal length", "sepal width", "petal length", "petal width")
    columns = tuple(Column(name, "double") for name in names)
    answer = (Column(None, "long"),)
    narrow = Signature(columns, answer, None)
    optional = Signature((*columns, Column("place", "string", required=False)), answer, None)
    other = Signature(columns[2:], answer, (Param("threshold", "double", 0.5),))

    def log(run_id: str, name: str, signature: Signature | None, model: str | None, **metrics: float) -> None:
        example = {column: [1.5] for column in names} if run_id == "first" else None
        clock.tick()
        with gitreg.start_run(name, run_id=run_id, tags={"team": "risk"}):
            gitreg.log_params({"max_depth": 2, "note": 'ü = 1, "quoted"'})
            gitreg.log_metrics(metrics)
            gitreg.log_model(
                fitted, input_example=example, signature=signature, pip_requirements=REQUIREMENTS, register_as=model
            )

    log("first", "the first", narrow, "churn", accuracy=0.93, loss=0.3)
    log("second", "", narrow, "churn", accuracy=0.95, loss=float("nan"))
    log("third", "wider", optional, "churn", accuracy=0.97)
    log("fourth", "other columns", other, None, accuracy=0.5)
    clock.tick()
    gitreg.register("run:fourth", "churn", version="v2.0.0-rc.1", description="Only the petals.\n\nA trial.")

    clock.tick()
    with gitreg.start_run("with files", run_id="artifacts", tags={"kind": "trial"}):
        gitreg.log_params({"rate": 0.1})
        for step, value in enumerate((0.9, 0.45, float("nan"))):
            gitreg.log_metric("Val/loss", value, step=step)
        gitreg.log_metric("bad", float("nan"))
        gitreg.log_text("hello ü\n", "notes.txt")
        gitreg.log_dict({"a": [1, 2]}, "figures/data.json")
        table = registry.parent / "rows.parquet"
        table.write_bytes(b"PAR1 rows of no meaning PAR1")
        gitreg.log_artifact(table, "data")
        gitreg.log_model(fitted, "nested/model", pip_requirements=REQUIREMENTS, register_as="Spam")
    log("Spam_1", "", None, "Spam", recall=float("inf"))
    clock.tick()
    gitreg.start_run(run_id="broken")
    gitreg.log_metric("loss", 9.0)
    gitreg.end_run("failed")

    clock.tick()
    gitreg.note("churn@v1.0.1", {"approved by": "Bo", "owner": "risk"}, {"accuracy": 0.9}, "holdout")
    clock.tick()
    gitreg.note("churn@v1.0.1", {"owner": "fraud"})
    clock.tick()
    gitreg.retire("churn@v1.0.0", "trained on a leaked column")
    clock.tick()
    stage(registry, "churn@v1.0.1", narrow)
    clock.tick()
    purge(registry, "Spam@v0.2.0")
    clock.tick()
    git(registry, "tag", "-a", "-m", "made by hand", "foreign@v0.3.0", "main")


def settings(registry: Path) -> None:
    """main names a payload store that is on no machine; here and in the test GITREG_PAYLOADS stands in for it."""
    config = registry / ".dvc" / "config"
    lines = config.read_text().splitlines(keepends=True)
    config.write_text("".join(f"    url = {STORE}\n" if "url =" in line else line for line in lines))
    card = registry / "models" / "churn.md"
    card.parent.mkdir()
    card.write_text(
        "---\ntitle: Churn\ntags:\n  team: risk\nowners:\n- ana@example.org\n---\n\n# Churn\n\nWho leaves.\n"
    )
    git(registry, "add", "models", ".dvc/config")
    git(registry, "commit", "-q", "-m", "Payloads move")
    os.environ["GITREG_PAYLOADS"] = str(registry.parent / "payloads")


def source(folder: Path) -> None:
    """The code that runs tell as theirs."""
    folder.mkdir()
    (folder / "train.py").write_text("")
    git(folder, "init", "-q")
    git(folder, "add", ".")
    git(folder, "commit", "-q", "-m", "Train")
    git(folder, "remote", "add", "origin", "https://ana:secret@example.org/code.git")
    sys.modules["__main__"].__file__ = str(folder / "train.py")


def stage(registry: Path, ref: str, signature: Any) -> None:
    """production runs it."""
    import gitreg
    from gitreg.format.stage_file import StageFile, format_stage_file, stage_file_path

    found = gitreg.resolve(ref)
    run = gitreg.get_run(found.run_id)
    file = registry / stage_file_path("production", found.model)
    file.parent.mkdir(parents=True)
    file.write_text(
        format_stage_file(
            StageFile(
                found.model, "production", found.version, found.number or 0, found.run_id, found.commit, found.digest,
                run.metrics, run.params, signature, tuple(REQUIREMENTS),
            )
        ),
        encoding="utf-8",
    )  # fmt: skip
    git(registry, "add", "stages")
    git(registry, "commit", "-q", "-m", "production: churn v1.0.1")


def purge(registry: Path, ref: str) -> None:
    """Replace a version's tags by a tombstone (docs/format.md 1.3), as an administrator does by hand."""
    import gitreg

    found = gitreg.resolve(ref)
    seconds = int(datetime.fromisoformat(os.environ["GITREG_NOW"]).timestamp())
    main = git(registry, "rev-parse", "main").strip()
    text = (
        f"object {main}\ntype commit\ntag {found}\ntagger Ana Analyst <ana@example.org> {seconds} +0000\n\n"
        f"{found.model} {found.version} purged\n\nGitreg-Format: 1\nGitreg-Number: {found.number}\n"
        f"Gitreg-Previous: {found.previous or 'none'}\nGitreg-Replaces: {found.tag}\n"
    )
    file = registry.parent / "tombstone"
    file.write_text(text)
    tag = git(registry, "hash-object", "-t", "tag", "-w", file).strip()
    for name in (str(found), f"{found.model}@{found.number}"):
        git(registry, "update-ref", f"refs/tags/{name}", tag, found.tag)


def described(registry: Path) -> dict[str, Any]:
    """What a reader must find."""
    import gitreg

    refs = dict(line.split()[::-1] for line in git(registry, "show-ref").splitlines())
    versions = [replace(version, stale=False) for version in gitreg.search_versions()]
    events = [event.to_dict() for model in sorted({v.model for v in versions}) for event in gitreg.history(model)]
    return {
        "history": events,
        "refs": {name: oid for name, oid in refs.items() if not name.startswith("refs/remotes/")},
        "versions": {str(version): version.to_dict() for version in versions},
        "runs": {run.id: run.to_dict() for run in gitreg.search_runs()},
    }


def main(target: Path) -> None:
    """Write the corpus to `target`."""
    if (target / "registry.bundle").exists():
        sys.exit(f"{target} has a registry already: name another folder")
    target.mkdir(parents=True, exist_ok=True)
    warnings.simplefilter("ignore")
    with sealed() as home:
        os.environ["GITREG_NOW"] = STARTED.isoformat().replace("+00:00", "Z")
        source(home / "code")
        registry = home / "registry"
        fill(registry)
        git(registry, "bundle", "create", "-q", target / "registry.bundle", "--all")
        shutil.copytree(home / "payloads", target / "payloads", copy_function=shutil.copyfile)
        text = json.dumps(described(registry), indent=2, sort_keys=True, ensure_ascii=False)
        (target / "expected.json").write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(Path(*sys.argv[1:] or [HERE / "registry-1"]).absolute())
