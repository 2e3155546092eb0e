"""Which version a name means: every form of the grammar, and what each skips."""

from __future__ import annotations

from pathlib import Path

import pytest

import gitreg
from gitreg.errors import Conflict, Damaged, NotFound, Refused, Unreachable
from gitreg.format.stage_file import StageFile, format_stage_file
from gitreg.format.versions import ModelVersion
from gitreg.registry.place import open_registry
from testing.clock import Clock
from testing.gitcli import git
from testing.registries import Place, log, signature
from testing.work import processes


def stage_text(version: ModelVersion, stage: str = "production", **other: object) -> str:
    facts = {key: getattr(version, key) for key in ("model", "version", "number", "commit", "digest")}
    return format_stage_file(StageFile(stage=stage, run=version.run_id, **facts | other))  # type: ignore[arg-type]


def four(place: Place) -> list[ModelVersion]:
    """v1.0.0, v1.1.0, v2.0.0 and the pre-release v2.1.0-rc.1, of which each is another model."""
    made = [gitreg.register(log(n, found=signature(a="long", **more)), "churn") for n, more in enumerate(
        ({}, {"b": "long?"}, {"b": "long?", "c": "string"}))]  # fmt: skip
    last = log(9, found=signature(a="long", b="long?", c="string"))
    return [*made, gitreg.register(last, "churn", version="v2.1.0-rc.1")]


def test_every_form_names_its_version(place: Place) -> None:
    versions = four(place)
    assert [v.version for v in versions] == ["v1.0.0", "v1.1.0", "v2.0.0", "v2.1.0-rc.1"]
    place.stage("production", "churn", stage_text(versions[1]))
    wanted = {
        "churn": 3,
        "churn@latest": 3,
        "churn@v1.0.0": 1,
        "churn@v2.1.0-rc.1": 4,
        "churn@v1": 2,
        "churn@v1.0": 1,
        "churn@v2": 3,
        "churn@1": 1,
        "churn@4": 4,
        "churn@production": 2,
        "models:/churn/2": 2,
        "models:/churn/latest": 4,
        "models:/churn@production": 2,
    }
    assert {text: gitreg.resolve(text).number for text in wanted} == wanted
    run = versions[0].run_id
    for text in (f"run:{run}", f"run:{run}/model", f"runs:/{run}/model", f"run:{run[:8]}"):
        assert gitreg.load_model(text)(1) == 0
        with pytest.raises(Refused, match="is a run, not a version"):
            gitreg.resolve(text)
    assert gitreg.get_run(run[:8]).id == gitreg.get_run(f"run:{run}").id == run
    assert gitreg.resolve("churn@production").stages == ("production",)


def test_a_retired_version_keeps_its_name_and_is_never_chosen(place: Place) -> None:
    versions = four(place)
    assert gitreg.retire("churn@3", "leaks the target").retired
    gitreg.retire("churn@v2.1.0-rc.1", "never mind")
    for text in ("churn", "churn@latest", "churn@v1", "models:/churn/latest"):
        assert gitreg.resolve(text).number == 2
    assert gitreg.resolve("churn@v2.0.0").retired and gitreg.resolve("churn@3").retired
    with pytest.raises(NotFound, match="churn@v2 names nothing") as nothing:
        gitreg.resolve("churn@v2")
    assert nothing.value.hint == "there is v1"
    assert git(place.path, "rev-parse", "churn@v2.0.0!^{commit}") == versions[2].commit
    text = git(place.path, "cat-file", "tag", "churn@v2.0.0!")
    assert "\ntag churn@v2.0.0!\n" in text and "\n\nleaks the target\n\nGitreg-Format: 1\n" in text
    with pytest.raises(Conflict, match="is retired already"):
        gitreg.retire("churn@3", "again")
    for moving in ("churn", "churn@v1", "churn@production"):
        with pytest.raises(Refused, match="may name another version tomorrow"):
            gitreg.retire(moving, "why")
    with pytest.raises(Refused, match="for a reason"):
        gitreg.retire("churn@1", " \n")
    if place.origin:
        assert place.at_origin() == place.tags()


def test_what_a_stage_runs_cannot_be_retired(place: Place) -> None:
    version = gitreg.register(log(2), "churn")
    place.stage("production", "churn", stage_text(version))
    with pytest.raises(Refused, match=r"production runs churn@v0.1.0"):
        gitreg.retire(version, "old")
    place.stage("production", "churn", "")
    assert gitreg.retire(version, "old").retired


def test_a_stage_is_what_the_origins_main_says(clone: Place, tmp_path: Path) -> None:
    one, two = gitreg.register(log(2), "churn"), gitreg.register(log(3), "churn")
    clone.stage("production", "churn", stage_text(one))
    other = clone.clone(tmp_path / "other")
    assert gitreg.resolve("churn@production", registry=other.path) == gitreg.resolve("churn@production")
    other.stage("production", "churn", stage_text(two))
    assert gitreg.resolve("churn@production").number == 2
    offline = gitreg.resolve("churn@production", offline=True)
    assert offline.number == 2 and offline.stale
    assert clone.origin
    clone.origin.rename(tmp_path / "away")
    with pytest.raises(Unreachable):
        gitreg.resolve("churn@production")
    assert gitreg.resolve("churn@production", offline=True).number == 2


def test_a_stage_file_that_does_not_fit_its_version_is_damaged(alone: Place) -> None:
    version = gitreg.register(log(2), "churn")
    for wrong in ({"digest": "sha256:" + "0" * 64}, {"commit": "0" * 40}):
        alone.stage("production", "churn", stage_text(version, **wrong))
        with pytest.raises(Damaged, match=r"does not fit churn@v0.1.0"):
            gitreg.resolve("churn@production")
    alone.stage("production", "churn", stage_text(version, stage="staging"))
    with pytest.raises(Damaged, match="speaks of churn in staging"):
        gitreg.resolve("churn@production")


def test_what_is_not_there_is_answered_with_what_is(place: Place) -> None:
    with pytest.raises(NotFound) as nothing:
        gitreg.resolve("churn")
    assert nothing.value.hint == "nothing is registered yet: gitreg register RUN MODEL"
    version = gitreg.register(log(2), "churn")
    place.stage("staging", "churn", stage_text(version, stage="staging"))
    for text, message, hint in [
        ("chrun", "no model chrun in", "there is churn"),
        ("churn@v1.0.0", "churn has no version v1.0.0", "there is v0.1.0"),
        ("churn@v1", "churn has no version v1", "there is v0"),
        ("churn@2", "churn has no version number 2", "the numbers are 1 to 1"),
        ("churn@production", "no stage production runs churn", "stages that do: staging"),
        ("other@production", "no stage production runs other", "gitreg ls other; the stages are staging"),
    ]:
        with pytest.raises(NotFound, match=message) as missing:
            gitreg.resolve(text)
        assert missing.value.hint == hint
    with pytest.raises(NotFound, match="no run nope in"):
        gitreg.load_model("run:nope")
    with pytest.raises(NotFound, match="no run nope in"):
        gitreg.register("run:nope", "churn")


def test_a_short_run_id_must_be_unique(alone: Place) -> None:
    log(2, run_id="abc-1")
    log(3, run_id="abc-2")
    log(4, run_id="abc")
    assert gitreg.get_run("abc").id == "abc"
    assert gitreg.get_run("abc-1").id == "abc-1"
    with pytest.raises(NotFound, match="run id ab is short for 3 runs") as short:
        gitreg.get_run("ab")
    assert short.value.hint == "there are abc, abc-1, abc-2"


def test_what_somebody_else_registered_is_found(clone: Place, tmp_path: Path) -> None:
    other = clone.clone(tmp_path / "other")
    version = gitreg.register(log(2), "churn")
    for text in ("churn", "churn@v0.1.0", "churn@1", "churn@v0", "models:/churn/1", "models:/churn/latest"):
        fresh = clone.clone(tmp_path / text.replace("/", "-"))
        git(fresh.path, "tag", "--delete", *fresh.tags())
        assert gitreg.resolve(text, registry=fresh.path) == version
    assert gitreg.load_model("churn", registry=other.path)(21) == 42
    assert gitreg.get_run(version.run_id, registry=other.path).id == version.run_id


def test_a_known_exact_version_needs_no_origin_and_a_name_that_may_move_does(clone: Place, tmp_path: Path) -> None:
    gitreg.register(log(2), "churn")
    assert clone.origin
    clone.origin.rename(tmp_path / "away")
    assert gitreg.resolve("churn@v0.1.0").number == gitreg.resolve("churn@1").number == 1
    for text in ("churn", "churn@v0", "churn@v0.2.0", "churn@2"):
        with pytest.raises(Unreachable):
            gitreg.resolve(text)
    assert gitreg.resolve("churn", offline=True).stale
    assert gitreg.resolve("churn", registry=open_registry(offline=True)).stale


def test_a_moment_in_the_past_is_seen_as_it_was(alone: Place, fixed_clock: Clock) -> None:
    first = gitreg.register(log(2), "churn")
    fixed_clock.advance(3600)
    second = gitreg.register(log(3), "churn")
    alone.stage("production", "churn", stage_text(second))
    fixed_clock.advance(3600)
    gitreg.register(log(4), "churn")
    assert gitreg.resolve("churn", at=first.created) == first
    assert gitreg.resolve("churn", at=second.created) == second
    assert gitreg.resolve("churn").number == 3
    with pytest.raises(NotFound, match="churn had no version at 2020-01-01"):
        gitreg.resolve("churn", at="2020-01-01")
    with pytest.raises(NotFound, match="production ran no churn at 2020-01-01"):
        gitreg.resolve("churn@production", at="2020-01-01")
    assert gitreg.resolve("churn@production", at="2100-01-01").number == 2
    for text in ("churn", "churn@production"):
        with pytest.raises(Refused, match="bad time"):
            gitreg.resolve(text, at="yesterday")


def test_a_version_that_was_retired_later_is_seen_in_the_past(alone: Place, fixed_clock: Clock) -> None:
    gitreg.register(log(2), "churn")
    fixed_clock.advance(60)
    second = gitreg.register(log(3), "churn")
    fixed_clock.advance(60)
    between = fixed_clock.now
    fixed_clock.advance(60)
    gitreg.retire(second, "old")
    assert gitreg.resolve("churn").number == 1
    assert gitreg.resolve("churn", at=between).number == 2
    assert not gitreg.resolve("churn", at=between).retired
    assert gitreg.resolve("churn", at="2100-01-01").number == 1


def test_a_relative_payload_store_is_found_from_the_clone_as_dvc_does(
    alone: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = alone.path / ".dvc/config"
    config.write_text(config.read_text().replace(str(alone.payloads), f"../../{alone.payloads.name}"))
    git(alone.path, "commit", "-qam", "a relative address")
    monkeypatch.chdir(tmp_path)
    version = gitreg.register(log(2), "churn")
    assert len([path for path in alone.payloads.rglob("*") if path.is_file()]) == 1
    assert f"url = {alone.payloads}\n" in git(alone.path, "show", f"{version}:.dvc/config") + "\n"
    git(tmp_path, "clone", "-q", "--bare", alone.path, "bare.git")
    with pytest.raises(Refused, match="is relative to a clone"):
        gitreg.load_model("churn", registry=tmp_path / "bare.git")


def test_the_latest_of_many_versions_is_found_without_reading_them_all(
    alone: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    from gitreg.registry import resolve

    for n in range(5):
        gitreg.register(log(n), "churn")
    read = []
    monkeypatch.setattr(
        resolve, "bring_version", lambda *a, _real=resolve.bring_version: read.append(a[2]) or _real(*a)
    )
    assert gitreg.resolve("churn").number == gitreg.resolve("models:/churn/latest").number == 5
    assert {str(version) for version in read} == {"v0.5.0"}


def test_a_relative_origin_is_the_same_wherever_the_command_is_given(
    clone: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert clone.origin
    git(clone.path, "remote", "set-url", "origin", f"../{clone.origin.name}")
    below = clone.path / "a" / "b"
    below.mkdir(parents=True)
    other = tmp_path / "elsewhere" / "x"
    other.mkdir(parents=True)
    # From here that is another repository's address.
    git(tmp_path, "clone", "-q", "--bare", clone.origin, other.parent / clone.origin.name)
    for number, folder in enumerate((clone.path, below, other), 1):
        monkeypatch.chdir(folder)
        assert log(number, "churn").version == f"churn@v0.{number}.0"
        assert clone.at_origin(f"churn@{number}") == [f"churn@{number}"]
    assert git(other.parent / clone.origin.name, "tag") == ""


def test_a_number_tag_that_holds_another_version_is_damaged(place: Place) -> None:
    first = gitreg.register(log(1), "churn")
    gitreg.register(log(2), "churn")
    git(place.path, "update-ref", "refs/tags/churn@9", first.tag)
    for name in ("churn@9", "models:/churn/9", "models:/churn/latest"):
        with pytest.raises(Damaged, match=r"churn@9 holds churn@v0\.1\.0, which says that it is number 1"):
            gitreg.resolve(name, offline=True)
    assert gitreg.resolve("churn", offline=True).number == 2


def test_an_exact_version_is_found_without_a_look_at_the_others(place: Place) -> None:
    versions = four(place)
    assert not [args for args in processes(lambda: gitreg.resolve("churn@v1.1.0")) if "for-each-ref" in args]
    assert gitreg.resolve("churn@v1.1.0").tag == versions[1].tag
    assert not gitreg.resolve("churn@v1.1.0").retired
    gitreg.retire("churn@v1.1.0", "it is wrong")
    assert gitreg.resolve("churn@v1.1.0").retired
    assert not gitreg.resolve("churn@v1.0.0").retired
    mark = git(place.path, "rev-parse", "refs/tags/churn@v1.1.0!")
    (place.path / ".git" / "objects" / mark[:2] / mark[2:]).unlink()
    assert gitreg.resolve("churn@v1.1.0").retired  # the name alone says so


@pytest.mark.parametrize("packed", [False, True])
def test_only_a_tag_of_that_very_name_is_a_version(place: Place, packed: bool) -> None:
    version = four(place)[0]
    git(place.path, "update-ref", "refs/tags/refs/tags/churn@v7.0.0", version.tag)
    git(place.path, "update-ref", "refs/heads/refs/tags/churn@v1.0.0!", version.commit)
    if packed:
        git(place.path, "pack-refs", "--all")
    wrong = ["v7.0.0", f"v1.0.0-g{version.commit[:8]}", f"v1.0.0-g{version.tag[:8]}"]
    for name in wrong:
        with pytest.raises(NotFound, match=f"churn has no version {name}"):
            gitreg.resolve(f"churn@{name}")
    assert gitreg.resolve("churn@v1.0.0").tag == version.tag
    assert not gitreg.resolve("churn@v1.0.0").retired
