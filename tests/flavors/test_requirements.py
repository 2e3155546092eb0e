"""From modules to pinned distributions."""

from __future__ import annotations

import sys
import types
from importlib import metadata
from pathlib import Path

import pytest

from gitreg.flavors.saving import requirements as _requirements
from gitreg.flavors.saving.requirements import infer_requirements


@pytest.fixture
def fresh() -> None:
    """Nothing is remembered of earlier questions."""
    _requirements._distributions_of.cache_clear()
    _requirements._all_distributions.cache_clear()


def pinned(name: str) -> str:
    return f"{name}=={metadata.version(name)}"


def install(site: Path, name: str, version: str, files: list[str], **texts: str) -> None:
    """A distribution in the folder `site`, as pip leaves it."""
    info = site / f"{name.replace('-', '_')}-{version}.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
    (info / "RECORD").write_text("".join(f"{file},,\n" for file in files))
    for key, text in texts.items():
        (info / f"{key}.txt").write_text(text)
    for file in files:
        (site / file).parent.mkdir(parents=True, exist_ok=True)
        (site / file).touch()


@pytest.fixture
def site(home: Path, monkeypatch: pytest.MonkeyPatch, fresh: None) -> Path:
    folder = home / "site-packages"
    folder.mkdir()
    monkeypatch.syspath_prepend(folder)
    return folder


def imported(monkeypatch: pytest.MonkeyPatch, name: str, file: Path) -> None:
    module = types.ModuleType(name)
    module.__file__ = str(file)
    monkeypatch.setitem(sys.modules, name, module)


def test_modules_become_distributions_pinned_and_sorted(fresh: None) -> None:
    modules = {"sklearn.tree._classes", "numpy._core.multiarray", "yaml.nodes", "os.path", "__main__", "copy_reg"}
    found = infer_requirements(modules, ("cloudpickle",))
    assert found.lines == (pinned("cloudpickle"), pinned("numpy"), pinned("PyYAML"), pinned("scikit-learn"))
    assert found.local == ()


def test_for_well_known_modules_not_every_distribution_is_asked(fresh: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(metadata, "packages_distributions", lambda: pytest.fail("all distributions were asked"))
    modules = {"sklearn.tree._classes", "numpy._core.multiarray", "pandas.core.frame"}
    found = infer_requirements(modules, ("cloudpickle", "scikit-learn"))
    assert found.lines == tuple(map(pinned, ("cloudpickle", "numpy", "pandas", "scikit-learn")))


def test_what_is_not_installed_has_no_version() -> None:
    assert infer_requirements((), ("no-such-distribution",)).lines == ("no-such-distribution",)


def test_what_travels_with_the_model_needs_nothing() -> None:
    found = infer_requirements({"mine.deep", "ours"}, shipped={"mine"})
    assert (found.lines, found.local) == ((), ("ours",))


def test_a_distribution_of_another_name_is_found_by_its_files(site: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install(site, "big-thing", "1.2", ["oddname/__init__.py"], top_level="oddname\n")
    imported(monkeypatch, "oddname", site / "oddname/__init__.py")
    assert infer_requirements({"oddname.x"}).lines == ("big-thing==1.2",)


def test_of_several_distributions_in_one_package_the_one_with_the_module_counts(
    site: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(site, "cloud-store", "1.0", ["cloudy/store.py"])
    install(site, "cloud-query", "2.0", ["cloudy/query.py"])
    imported(monkeypatch, "cloudy.query", site / "cloudy/query.py")
    assert infer_requirements({"cloudy.query"}).lines == ("cloud-query==2.0",)


def test_a_distribution_that_only_has_the_modules_name_is_not_taken(
    site: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(site, "samename", "1.0", ["othername/__init__.py"])
    imported(monkeypatch, "samename", site.parent / "samename.py")
    assert infer_requirements({"samename"}).local == ("samename",)


def test_an_editable_install_is_a_distribution(site: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install(site, "ourtool", "0.3", [])
    (site / "ourtool-0.3.dist-info/direct_url.json").write_text(
        '{"dir_info": {"editable": true}, "url": "file:///src"}'
    )
    imported(monkeypatch, "ourtool", site.parent / "src/ourtool/__init__.py")
    assert infer_requirements({"ourtool"}).lines == ("ourtool==0.3",)


def test_a_local_build_is_pinned_to_what_indexes_have(site: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install(site, "gpulib", "2.1.0+cu128", ["gpulib/__init__.py"])
    imported(monkeypatch, "gpulib", site / "gpulib/__init__.py")
    assert infer_requirements({"gpulib"}).lines == ("gpulib==2.1.0",)
