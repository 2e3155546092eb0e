"""Registering: numbers, the chain, computed semver, and everything that somebody else may have put among the tags."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import gitreg
from gitreg.errors import Conflict, Damaged, NotFound, Refused, Unreachable, Unsupported
from gitreg.format.versions import ModelVersion
from gitreg.registry.catalog import model_tags, read_versions
from gitreg.registry.place import open_registry
from gitreg.registry.register import register
from gitreg.registry.wishes import read_wishes
from gitreg.stores.git import Repository
from testing.clock import Clock
from testing.gitcli import git
from testing.registries import Place, log, signature, times

OLD = signature(a="long")
WIDER = signature(a="long", b="long?")
OTHER = signature(a="string")


def versions(place: Place, model: str = "churn") -> list[ModelVersion]:
    registry = open_registry(place.path)
    found = read_versions(registry, [model_tags(registry, model)])
    assert found.damaged == ()
    return list(found.versions)


def chain(place: Place, model: str = "churn") -> None:
    """Assert that the numbers of a model are dense and that each version names the one before."""
    known = [v for v in versions(place, model) if v.number]
    assert [v.number for v in known] == list(range(1, len(known) + 1))
    assert [v.previous for v in known] == ["", *(v.tag for v in known[:-1])]


def test_the_version_follows_from_the_signatures_of_its_line(place: Place) -> None:
    made = [log(n, "churn", found=found).version for n, found in enumerate([OLD, OLD, WIDER, WIDER, OTHER, OLD, None])]
    assert made == [
        "churn@v1.0.0", "churn@v1.0.1", "churn@v1.1.0", "churn@v1.2.0", "churn@v2.0.0", "churn@v3.0.0", "churn@v4.0.0",
    ]  # fmt: skip
    chain(place)
    assert place.tags("churn@[0-9]*") == [f"churn@{n}" for n in range(1, 8)]


def test_a_version_may_be_asked_for_but_not_promise_too_much(place: Place) -> None:
    log(1, "churn", found=OLD)
    assert str(gitreg.register(log(2, found=OLD), "churn", bump="minor")) == "churn@v1.1.0"
    assert str(gitreg.register(log(3, found=OTHER), "churn")) == "churn@v2.0.0"
    assert str(gitreg.register(log(4, found=OLD), "churn", line="v1")) == "churn@v1.1.1"
    assert str(gitreg.register(log(5, found=OTHER), "churn", version="v2.1.0-rc.1")) == "churn@v2.1.0-rc.1"
    assert str(gitreg.register(log(6, found=OTHER), "churn")) == "churn@v2.1.0"
    before = place.tags()
    late = log(7, found=OTHER)
    for wrong, message in [
        ({"bump": "patch", "version": "v9.0.0"}, "cannot both be asked for"),
        ({"bump": "tiny"}, "bad bump"),
        ({"line": "v1"}, "cannot be in the line v1"),
        ({"line": "v7"}, "no version in the line v7"),
        ({"version": "v2.0.0"}, "v2.0.0 exists"),
        ({"version": "2.5.0"}, "bad version"),
        ({"version": "v2.5.0+b"}, "bad version"),
        ({"version": "v1.5.0"}, "cannot be in the line v1"),
        ({"model": "a/b"}, "bad model name"),
        ({"description": "x\n-----BEGIN PGP SIGNATURE-----"}, "signature"),
        ({"description": "x\x00"}, "control character"),
        ({"description": "\ud800"}, "control character"),
    ]:
        with pytest.raises((Refused, Conflict), match=message):
            gitreg.register(late, **({"model": "churn"} | wrong))  # type: ignore[arg-type]
    assert set(place.tags()) - set(before) == {f"run/{late.run_id}"}
    chain(place)


def test_registering_again_is_the_same_version(place: Place) -> None:
    logged = log(2)
    first = gitreg.register(logged, "churn", description="first")
    assert gitreg.register(logged, "churn", description="second") == first
    assert gitreg.register(first, "churn") == first
    second = gitreg.register(logged, "churn", version="v0.5.0")
    assert second.number == 2
    gitreg.retire(first, "old")
    assert gitreg.register(logged, "churn") == second
    chain(place)


def test_a_retired_model_is_not_registered_again(alone: Place) -> None:
    logged = log(2)
    gitreg.retire(gitreg.register(logged, "churn"), "old")
    with pytest.raises(Conflict, match=r"is churn@v0.1.0, which is retired"):
        gitreg.register(logged, "churn")


def test_a_run_can_be_two_models(place: Place) -> None:
    logged = log(2, found=OLD)
    one, two = gitreg.register(logged, "churn"), gitreg.register("churn@v1.0.0", "leavers")
    assert (str(one), str(two)) == ("churn@v1.0.0", "leavers@v1.0.0")
    assert one.commit != two.commit and one.digest == two.digest
    assert git(place.path, "rev-parse", "churn@1^{tree}:model") == git(
        place.path, "rev-parse", "leavers@1^{tree}:model"
    )
    assert gitreg.load_model("leavers")(2) == 4


def test_names_that_differ_in_case_only_are_refused(place: Place, tmp_path: Path) -> None:
    other = place.clone(tmp_path / "other") if place.origin else place
    log(2, "Churn")
    with pytest.raises(Conflict, match="there is a model Churn, which differs from churn in case only"):
        gitreg.register(log(3, registry=other.path), "churn", registry=other.path)
    assert log(4, "Churn").version == "Churn@v0.2.0"


def test_versions_of_gto_are_listed_and_stand_above_nothing_of_their_own(place: Place) -> None:
    git(place.path, "tag", "-a", "churn@v3.1.0", "-m", "by GTO")
    git(place.path, "tag", "churn@v3.0.0")
    git(place.path, "tag", "churn@v9.9.9-foo+bar")
    if place.origin:
        git(place.path, "push", "-q", "origin", "--tags")
    found = gitreg.resolve("churn")
    assert (str(found), found.number, found.description) == ("churn@v3.1.0", None, "by GTO")
    assert gitreg.resolve("churn@v3.0.0").number is None
    with pytest.raises(NotFound, match="tagged without gitreg"):
        gitreg.load_model("churn")
    with pytest.raises(NotFound, match="no version number 1"):
        gitreg.resolve("churn@1")
    with pytest.raises(NotFound):
        gitreg.resolve("models:/churn/latest")
    with pytest.raises(Refused, match="tagged without gitreg and holds no run"):
        gitreg.register("churn", "other")
    version = gitreg.register(log(2), "churn")
    assert (str(version), version.number, version.previous) == ("churn@v3.2.0", 1, "")
    assert str(gitreg.register(log(3, found=OLD), "churn")) == "churn@v4.0.0"
    assert [v.number for v in versions(place)] == [1, 2, None, None]
    gitreg.retire("churn@v3.0.0", "unknown")
    assert gitreg.resolve("churn@v3.0.0").retired


def purge(place: Place, name: str) -> None:
    """What an administrator does: the version's and the number's tag become a tombstone."""
    old = git(place.path, "rev-parse", f"refs/tags/{name}")
    number = gitreg.resolve(name).number
    head, message = git(place.path, "cat-file", "tag", name).split("\n\n", 1)
    facts = [
        line for line in message.splitlines() if line.startswith(("Gitreg-Format", "Gitreg-Number", "Gitreg-Previous"))
    ]
    model, _, version = name.partition("@")
    text = f"{head}\n\n{model} {version} purged\n\n" + "\n".join([*facts, f"Gitreg-Replaces: {old}"]) + "\n"
    tombstone = git(place.path, "mktag", input=text)
    for ref in (name, f"{model}@{number}"):
        git(place.path, "update-ref", f"refs/tags/{ref}", tombstone)
        if place.origin:
            git(place.path, "push", "-qf", "origin", f"{tombstone}:refs/tags/{ref}")


def test_a_purged_version_is_never_chosen_and_its_number_never_used_again(place: Place) -> None:
    log(1, "churn", found=OLD)
    log(2, "churn", found=OTHER)
    purge(place, "churn@v2.0.0")
    assert gitreg.resolve("churn").number == gitreg.resolve("models:/churn/latest").number == 1
    found = gitreg.resolve("churn@2")
    assert found.tombstone and (found.number, found.digest) == (2, "")
    with pytest.raises(NotFound, match="was purged"):
        gitreg.load_model("churn@2")
    with pytest.raises(NotFound, match="churn@v2 names nothing"):
        gitreg.resolve("churn@v2")
    third = gitreg.register(log(3, found=OTHER), "churn")
    assert (str(third), third.number) == ("churn@v3.0.0", 3)
    assert third.previous == git(place.path, "rev-parse", "refs/tags/churn@2")


def test_a_number_without_its_version_is_completed(place: Place) -> None:
    version = gitreg.register(log(2), "churn")
    git(place.path, "update-ref", "-d", f"refs/tags/{version}")
    if place.origin:
        git(place.origin, "update-ref", "-d", f"refs/tags/{version}")
    with pytest.raises(Damaged, match="the number 1 of churn has no version tag"):
        gitreg.resolve("churn@1")
    assert log(3, "churn").version == "churn@v0.2.0"
    assert gitreg.resolve("churn@1") == version
    chain(place)
    if place.origin:
        assert place.at_origin() == place.tags()


def test_a_tag_under_another_name_is_damaged_and_nothing_is_built_on_it(place: Place) -> None:
    version = gitreg.register(log(2), "churn")
    git(place.path, "update-ref", "refs/tags/churn@v0.7.0", version.tag)
    with pytest.raises(Damaged, match=r"churn@v0.7.0 holds 'churn@v0.1.0'"):
        gitreg.resolve("churn@v0.7.0")
    with pytest.raises(Damaged, match=r"churn@v0.7.0 holds"):
        gitreg.register(log(3), "churn")
    git(place.path, "update-ref", "refs/tags/churn@5", git(place.path, "rev-parse", "HEAD"))
    git(place.path, "update-ref", "-d", "refs/tags/churn@v0.7.0")
    with pytest.raises(gitreg.GitregError, match="number tags of churn hold"):
        gitreg.register(log(4), "churn")


@pytest.mark.parametrize(
    ("old", "new", "error"),
    [
        ("Gitreg-Format: 1", "Gitreg-Format: 2", Unsupported),
        ("Gitreg-Number: 1", "Gitreg-Number: one", Damaged),
        ("Gitreg-Digest: sha256:", "Gitreg-Digest: ", Damaged),
        ("churn v0.1.0", "churn v0.1.1", Damaged),
        ("Gitreg-Path: model", "Gitreg-Path: /etc", Refused),
    ],
)
def test_a_tag_that_says_something_else_is_refused(
    alone: Place, old: str, new: str, error: type[gitreg.GitregError]
) -> None:
    version = gitreg.register(log(2), "churn")
    text = git(alone.path, "cat-file", "tag", str(version)) + "\n"
    assert old in text
    forged = git(alone.path, "mktag", input=text.replace(old, new))
    git(alone.path, "update-ref", "refs/tags/churn@v0.1.0", forged)
    git(alone.path, "update-ref", "refs/tags/churn@1", forged)
    for use in (lambda: gitreg.resolve("churn"), lambda: gitreg.load_model("churn@1"), lambda: log(3, "churn")):
        with pytest.raises(error):
            use()


def test_a_tag_that_moved_at_the_origin_is_an_alarm(clone: Place, tmp_path: Path) -> None:
    version = gitreg.register(log(2), "churn")
    text = git(clone.path, "cat-file", "tag", str(version)) + "\n"
    forged = git(clone.path, "mktag", input=text.replace("\n\nchurn v0.1.0\n", "\n\nchurn v0.1.0\n\nother\n", 1))
    git(clone.path, "push", "-qf", "origin", f"{forged}:refs/tags/churn@v0.1.0")
    for use in (gitreg.fetch, lambda: gitreg.resolve("churn"), lambda: log(3, "churn")):
        with pytest.raises(Damaged, match=r"churn@v0.1.0 at origin is not the one seen before: a tag never moves"):
            use()
    assert git(clone.path, "rev-parse", "refs/tags/churn@v0.1.0") == version.tag


def test_times_of_the_tags_grow_whatever_the_clock_does(place: Place, fixed_clock: Clock) -> None:
    first = gitreg.register(log(1), "churn")
    fixed_clock.advance(-86400)
    second = gitreg.register(log(2), "churn")
    assert second.created > first.created
    assert gitreg.retire(first, "old")
    when = git(place.path, "for-each-ref", "--format=%(taggerdate:unix)", "refs/tags/churn@v0.1.0*").splitlines()
    assert int(when[1]) > int(when[0])


def test_the_registry_chooses_which_metrics_a_tag_tells(tmp_path: Path) -> None:
    from testing.registries import lone

    place = lone(tmp_path / "registry", settings="format: 1\nmetrics: [auc, accuracy]\n")
    gitreg.use(place.path)
    with gitreg.start_run():
        gitreg.log_metrics({"accuracy": 0.5, "loss": 1})
        gitreg.log_model(times(2), register_as="churn", pip_requirements=["cloudpickle"])
    assert gitreg.resolve("churn").metrics == {"accuracy": 0.5}
    assert json.loads(git(place.path, "show", "churn@1:.gitreg/metrics.json")) == {"accuracy": 0.5, "loss": 1.0}


def test_a_dry_run_tells_the_version_and_makes_nothing(place: Place) -> None:
    logged = log(2)
    before, there = place.tags(), list(place.payloads.rglob("*"))
    assert str(register(logged, "churn", dry_run=True)) == "churn@v0.1.0"
    assert (place.tags(), list(place.payloads.rglob("*"))) == (before, there)


def test_what_was_wished_while_the_origin_was_away_is_completed_by_push(clone: Place, tmp_path: Path) -> None:
    assert clone.origin
    logged, second = log(2), log(3)
    away = clone.origin.rename(tmp_path / "away")
    for _ in range(2):
        with pytest.raises(Unreachable) as waiting:
            gitreg.register(logged, "churn", description="kept", bump="major")
        assert waiting.value.hint == "it is kept and not yet a version: gitreg push completes it"
    with pytest.raises(Unreachable, match="this is offline"):
        gitreg.register(second, "churn", registry=open_registry(offline=True))
    with pytest.warns(UserWarning, match="gitreg push completes it"):
        third = log(4, "other")
    assert clone.tags("churn*", "other*") == [] and third.version == ""
    with pytest.raises(Unreachable):
        gitreg.push()
    away.rename(clone.origin)
    done = gitreg.push()
    assert len(done.versions) == 3
    assert {v.run_id for v in done.versions} == {logged.run_id, second.run_id, third.run_id}
    assert {v.description for v in done.versions if v.run_id == logged.run_id} == {"kept"}
    assert gitreg.push().versions == ()
    assert clone.at_origin() == clone.tags()
    chain(clone)


def test_one_wish_that_cannot_be_holds_up_no_other(clone: Place, tmp_path: Path) -> None:
    assert clone.origin
    log(1, "churn", found=OLD)
    breaking, fine, run = log(2, found=OTHER), log(3, found=OLD), log(4)
    away = clone.origin.rename(tmp_path / "away")
    for logged, options in ((breaking, {"bump": "patch"}), (fine, {})):
        with pytest.raises(Unreachable):
            gitreg.register(logged, "churn", **options)  # type: ignore[arg-type]
    away.rename(clone.origin)
    with pytest.raises(Refused, match="this is a major version, not a patch one"):
        gitreg.push(run.run_id)
    assert gitreg.resolve("churn").run_id == fine.run_id
    assert f"run/{run.run_id}" in clone.at_origin()
    assert [wish.run_id for wish in read_wishes(open_registry().state)] == [breaking.run_id]
    assert str(gitreg.register(breaking, "churn")) == "churn@v2.0.0"
    assert gitreg.push().versions == ()


def test_a_payload_store_that_is_gone_keeps_the_wish(clone: Place, tmp_path: Path) -> None:
    logged = log(2)
    git(clone.path, "config", "gitreg.payloads", tmp_path / "unmounted/payloads")
    with pytest.raises(Unreachable, match=r"the payload store .* is not there"):
        gitreg.register(logged, "churn")
    assert clone.tags("churn*") == clone.at_origin("churn*", "run/*") == []
    git(clone.path, "config", "--unset", "gitreg.payloads")
    assert [str(v) for v in gitreg.push().versions] == ["churn@v0.1.0"]


def test_unregistered_runs_reach_the_origin_only_by_name(clone: Place, tmp_path: Path) -> None:
    one, two, three = log(1), log(2), log(3)
    log(4, "churn")
    assert clone.at_origin("run/*") == [f"run/{gitreg.resolve('churn').run_id}"]
    assert gitreg.push(one.run_id).runs == (one.run_id,)
    assert gitreg.push(f"run:{one.run_id}").runs == (one.run_id,)
    assert log(5, push=True).run_id in {name[4:] for name in clone.at_origin("run/*")}
    assert set(gitreg.push(all=True).runs) == {two.run_id, three.run_id}
    assert gitreg.push(all=True).runs == ()
    assert clone.at_origin() == clone.tags()
    other = clone.clone(tmp_path / "other")
    assert gitreg.load_model(f"run:{two.run_id}", registry=other.path)(5) == 10


def test_a_run_that_only_this_machine_has_survives_every_fetch(clone: Place) -> None:
    for key in ("fetch.prune", "fetch.pruneTags", "remote.origin.prune", "push.followTags"):
        git(clone.path, "config", key, "true")
    logged = log(2, run_id="only-here")
    git(clone.path, "tag", "-a", "mine", "-m", "mine", "HEAD")
    gitreg.fetch()
    log(3, "churn", run_id="only-here-2")
    gitreg.get_run("only-here")
    assert log(2, run_id="only-here") == logged
    assert "run/only-here" in clone.tags()
    assert "mine" not in clone.at_origin()


def test_a_run_that_another_machine_logged_under_the_same_id_is_a_conflict(clone: Place, tmp_path: Path) -> None:
    other = clone.clone(tmp_path / "other")
    log(3, run_id="x", registry=other.path)
    log(2, "churn", run_id="x")
    with pytest.raises(Conflict, match="the origin has another run x"):
        gitreg.register("run:x", "churn", registry=other.path)
    with pytest.raises(Conflict, match="the origin has another run of the same id"):
        gitreg.push("x", registry=other.path)
    assert len(versions(clone)) == 1


def test_without_an_origin_there_is_nothing_to_push_to(alone: Place) -> None:
    for use in (gitreg.push, gitreg.fetch):
        with pytest.raises(NotFound, match="has no origin"):
            use()


def test_the_first_push_race_is_won_once(clone: Place, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    other = clone.clone(tmp_path / "other")
    real, raced = Repository.push, []

    def slow(self: Repository, *args: object) -> None:
        if not raced:
            raced.append(None)
            log(9, "churn", registry=other.path)
        real(self, *args)  # type: ignore[arg-type]

    monkeypatch.setattr(Repository, "push", slow)
    assert log(2, "churn").version == "churn@v0.2.0"
    chain(clone)
    assert gitreg.resolve("churn@2").previous == gitreg.resolve("churn@1").tag


def test_a_registry_that_stays_too_busy_keeps_the_wish(clone: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    logged = log(2)

    def refuse(self: Repository, *args: object) -> None:
        raise Conflict("somebody is quicker")

    with monkeypatch.context() as patch:
        patch.setattr(Repository, "push", refuse)
        patch.setattr("gitreg.registry.register._PATIENCE", 0.01)
        with pytest.raises(Unreachable, match="too busy to register churn: somebody is quicker"):
            gitreg.register(logged, "churn")
    assert clone.tags("churn*") == []
    assert [str(v) for v in gitreg.push().versions] == ["churn@v0.1.0"]


def test_nobody_named_as_the_author_is_an_error_and_loses_nothing(
    alone: Place, monkeypatch: pytest.MonkeyPatch, home: Path
) -> None:
    (home / ".gitconfig").write_text("")
    run = gitreg.start_run(run_id="x")
    gitreg.log_metric("a", 1)
    with pytest.raises(Refused, match="nobody is named as the author"):
        run.end()
    monkeypatch.setenv("GITREG_USER", "Bo <bo@example.org>")
    with gitreg.start_run(run_id="x", resume=True):
        gitreg.log_metric("b", 2)
    found = gitreg.get_run("x")
    assert (found.metrics, found.author) == ({"a": 1.0, "b": 2.0}, "Bo <bo@example.org>")


def test_notes_add_up_and_the_highest_count_holds(place: Place, tmp_path: Path) -> None:
    from gitreg.registry.notes import read_labels

    version = gitreg.register(log(2), "churn")
    gitreg.note("churn@1", {"owner": "risk", "seen": "yes"}, {"auc": 0.5}, dataset="2026-10")
    gitreg.note("churn@1", {"owner": "credit", "seen": None}, {"auc": float("nan")})
    labels = {"owner": "credit", "metrics.auc@2026-10": "0.5", "metrics.auc": "NaN"}
    assert read_labels(open_registry(), [version.tag]) == {version.tag: labels}
    for wrong in ({"": 1}, {"a\n": 1}, {"a": "\ud800"}):
        with pytest.raises(Refused):
            gitreg.note("churn", wrong)
    with pytest.raises(Refused, match="not a number"):
        gitreg.note("churn", metrics={"auc": "high"})  # type: ignore[dict-item]
    with pytest.raises(Refused, match="nothing to note"):
        gitreg.note("churn")
    assert git(place.path, "for-each-ref", "--format=%(refname)", "refs/notes/gitreg-draft*") == ""
    if place.origin:
        other = place.clone(tmp_path / "other")
        gitreg.fetch(registry=other.path)
        assert read_labels(open_registry(other.path), [version.tag]) == {version.tag: labels}


def test_notes_made_apart_are_joined(clone: Place, tmp_path: Path) -> None:
    from gitreg.registry.notes import read_labels

    version = gitreg.register(log(2), "churn")
    assert clone.origin
    other = clone.clone(tmp_path / "other")
    away = clone.origin.rename(tmp_path / "away")
    gitreg.note("churn@1", {"a": "here", "both": "1"})
    gitreg.note("churn@1", {"b": "there", "both": "2"}, registry=other.path)
    gitreg.note("churn@1", {"both": "3"}, registry=other.path)
    away.rename(clone.origin)
    gitreg.push()
    gitreg.push(registry=other.path)
    gitreg.fetch()
    for place in (clone, other):
        assert read_labels(open_registry(place.path), [version.tag])[version.tag] == {
            "a": "here", "b": "there", "both": "3",
        }  # fmt: skip


def test_a_note_that_another_program_made_meanwhile_is_not_lost(alone: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    from gitreg.registry import notes

    version = gitreg.register(log(2), "churn")
    gitreg.note("churn", {"a": 1})
    real, meanwhile = Repository.write_note, [None]

    def write_note(self: Repository, *args: str) -> bool:
        if meanwhile:
            meanwhile.pop()
            gitreg.note("churn", {"b": 2})
        return real(self, *args)

    monkeypatch.setattr(Repository, "write_note", write_note)
    gitreg.note("churn", {"c": 3})
    assert notes.read_labels(open_registry(), [version.tag])[version.tag] == {"a": "1", "b": "2", "c": "3"}


def test_a_run_that_only_the_origin_has_is_brought_to_be_registered(clone: Place, tmp_path: Path) -> None:
    other = clone.clone(tmp_path / "other")
    gitreg.register(log(2, run_id="pushed", push=True), "churn")
    again = gitreg.register("churn@1", "leavers", registry=other.path)
    assert (str(again), again.run_id) == ("leavers@v0.1.0", "pushed")
    assert gitreg.register("run:pushed", "third", registry=other.path).run_id == "pushed"
    with pytest.raises(NotFound, match="no run elsewhere"):
        gitreg.register("run:elsewhere", "churn", registry=other.path)


def test_a_run_that_is_still_open_is_not_registered(place: Place) -> None:
    with gitreg.start_run(run_id="x"), pytest.raises(Conflict, match="run x is still open"):
        gitreg.register("run:x", "churn")
    assert place.tags("churn*") == []


def test_a_clone_whose_origin_has_another_name_gives_out_no_numbers_of_its_own(clone: Place) -> None:
    logged = log(1)
    git(clone.path, "remote", "rename", "origin", "upstream")
    for write in (lambda: gitreg.register(logged, "churn"), lambda: log(2, "churn")):
        with pytest.raises(Refused, match="its remote upstream has this registry") as told:
            write()
        assert "git config gitreg.remote upstream" in told.value.hint
    assert clone.tags("churn*") == []
    git(clone.path, "config", "gitreg.remote", "upstream")
    assert gitreg.register(logged, "churn").number == 1
    assert clone.at_origin("churn@1") == ["churn@1"]
    git(clone.path, "config", "gitreg.remote", ".")
    git(clone.path, "fetch", "-q", "upstream", "main")
    assert log(3, "other").version == "other@v0.1.0"
    assert clone.at_origin("other*") == []
