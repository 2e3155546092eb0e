"""Judging changes of main in real registries: what blocks, what is only told, and what each report is about."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

import gitreg
from gitreg.checks._base import Report
from gitreg.errors import NotFound
from gitreg.registry.promotion.judge import judge, judge_version
from gitreg.stores.cache import object_path
from testing.gitcli import git
from testing.models import WIDER, log_run, write_model
from testing.promoted import ANA, BEN, CARA, History
from testing.rclone import S3Server
from testing.registries import cloned
from testing.staged import POLICY, begun, blocking, states


def judged(story: History, head: str, **how: object) -> list[Report]:
    """What is said of the change from main to `head`."""
    place = story.registry
    return judge(place, place.main(), head, **how)  # type: ignore[arg-type]  # keywords of several types


def reviewed(story: History, *approved: str, author: str = BEN) -> Report:
    """The promotion of v1.0.1 to production as a pull request that some approved."""
    head = story.propose("churn@v1.0.1", "production", by=author)
    number = story.said.opened(head, "churn@v1.0.1", "production", author, story.when)
    for who in approved:
        story.said.approved(number, who, head, story.when)
    (report,) = judged(story, head, pull=story.said.get(number), forge=story.said)
    return report


def payload_of(story: History, ref: str) -> Path:
    """Where the store keeps the bytes of a version's model."""
    version = gitreg.resolve(ref)
    pointer = git(story.place.path, "show", f"{version.commit}:model/model.pkl.dvc")
    return object_path(story.place.payloads, pointer.partition("md5: ")[2].split()[0].strip('"'))


def test_a_good_promotion_passes_every_check(story: History) -> None:
    (report,) = judged(story, story.propose("churn@v1.0.1", "production"))
    assert report.subject == "churn v1.0.1 to production"
    assert states(report) == {
        "mlmodel": "warned",  # its conda.yaml was not logged
        **dict.fromkeys(["digest", "payloads", "large-files", "signature", "metrics"], "passed"),
        **dict.fromkeys(["requirements", "stage-file", "order", "retired", "policy"], "passed"),
        **dict.fromkeys(["approvals", "signed"], "skipped"),
    }
    assert report.ok


def test_an_approval_of_another_person_is_what_is_missing(story: History) -> None:
    assert blocking(reviewed(story)) == ["1 approval wanted; 1 missing"]
    assert blocking(reviewed(story, CARA)) == []


@pytest.mark.parametrize(
    ("by", "why"),
    [
        (BEN, "ben (Ben <ben@example.org>) does not count: requested it"),
        (ANA, "ana (Ana <ana@example.org>) does not count: logged the run"),
        ("Eve <eve@example.org>", "Eve <eve@example.org> does not count: nobody among the people"),
    ],
)
def test_approvals_that_do_not_count_are_named(story: History, by: str, why: str) -> None:
    report = reviewed(story, by)
    assert not report.ok
    (found,) = [result for result in report.results if result.check == "approvals"]
    assert why in found.problems[1].text


def test_an_approval_of_an_older_head_is_stale(story: History) -> None:
    old = story.propose("churn@v1.0.1", "production")
    number = story.said.opened(old, "churn@v1.0.1", "production", BEN, story.when)
    story.said.approved(number, CARA, old, story.when)
    head = story.propose("churn@v1.0.1", "production", text=story.text("churn@v1.0.1", "production") + "\n")
    pull = replace(story.said.get(number), head_commit=head)
    (report,) = judged(story, head, pull=pull, forge=story.said)
    assert "1 approval wanted; 1 missing" in blocking(report, "approvals")
    assert "approved an older head" in str(report.to_dict())


def test_gates_look_at_what_was_measured(story: History) -> None:
    worse = write_model(story.place.path.parent / "worse", weights=b"worse")
    log_run(story.place.path, "run-worse", worse, metrics={"accuracy": 0.91}, register_as="churn")
    story.push("churn@v1.0.2", "staging")
    (report,) = judged(story, story.propose("churn@v1.0.2", "production"))
    (text,) = blocking(report)
    assert text == (
        "accuracy 0.91 (at least 0.9, at most 0.005 worse than now; now 0.93, -0.02): "
        "0.02 worse than what the stage runs"
    )
    gitreg.note("churn@v1.0.2", metrics={"accuracy": 0.926})
    (report,) = judged(story, story.propose("churn@v1.0.2", "production"))
    assert report.ok


def test_a_version_without_the_metric_is_blocked(story: History) -> None:
    bare = write_model(story.place.path.parent / "bare", weights=b"bare")
    log_run(story.place.path, "run-bare", bare, register_as="churn")
    story.push("churn@v1.0.2", "staging")
    (report,) = judged(story, story.propose("churn@v1.0.2", "production"))
    assert "accuracy is missing" in blocking(report, "metrics")[0]


def test_a_payload_that_is_missing_or_another_blocks(story: History) -> None:
    head = story.propose("churn@v1.0.1", "production")
    payload = payload_of(story, "churn@v1.0.1")
    payload.chmod(0o644)
    payload.write_bytes(b"2")
    assert blocking(judged(story, head)[0]) == ["the payload model.pkl in the payload store is of other bytes"]
    payload.write_bytes(b"much longer")
    assert "is of 11 bytes, not 1" in blocking(judged(story, head)[0])[0]
    payload.unlink()
    (text,) = blocking(judged(story, head)[0])
    assert text.startswith("the payload model.pkl (1 byte, md5 c4ca4238a0b923820dcc509a6f75849b) is not in the payload")
    assert judged(story, head, payloads=False)[0].ok


def test_a_store_that_does_not_answer_is_a_remark_unless_payloads_are_required(story: History) -> None:
    head = story.propose("churn@v1.0.1", "production")
    git(story.place.path, "config", "gitreg.payloads", "/nowhere/at/all")
    (report,) = judged(story, head)
    assert (report.ok, states(report)["payloads"]) == (True, "warned")
    story.policy(POLICY + "    require: [payloads]\n")
    assert "nobody could tell whether model.pkl" in blocking(judged(story, head)[0])[0]
    assert "the payload store was not asked" in blocking(judged(story, head, payloads=False)[0])[0]
    assert judged(story, head, quick=True)[0].ok


def test_payloads_on_a_server(tmp_path: Path, s3_server: S3Server, monkeypatch: pytest.MonkeyPatch) -> None:
    bucket = s3_server.make_bucket("judged")
    settings = s3_server.settings()
    for key, name in (("access_key_id", "AWS_ACCESS_KEY_ID"), ("secret_access_key", "AWS_SECRET_ACCESS_KEY")):
        monkeypatch.setenv(name, settings[key])
    place = cloned(tmp_path / "registry", settings=POLICY)
    lines = ["[core]", "    remote = payloads", "['remote \"payloads\"']", "    url = s3://judged"]
    lines += [f"    {key} = {settings[key]}" for key in ("endpointurl", "region")]
    (place.path / ".dvc/config").write_text("\n".join(lines) + "\n")
    git(place.path, "commit", "-q", "-am", "payloads on a server")
    git(place.path, "push", "-q", "origin", "main")
    story = begun(place, tmp_path)
    head = story.propose("churn@v1.0.1", "production")
    assert judged(story, head)[0].ok
    (found,) = [path for path in bucket.rglob("*") if path.is_file() and path.read_bytes() == b"1"]
    found.write_bytes(b"tampered with")
    assert "the payload model.pkl in the payload store is of 13 bytes" in blocking(judged(story, head)[0])[0]
    found.unlink()
    assert "is not in the payload store" in blocking(judged(story, head)[0])[0]


def test_a_change_that_callers_notice_is_told_and_blocks_where_it_is_required(story: History) -> None:
    other = replace(WIDER, inputs=WIDER.inputs[1:] if WIDER.inputs else None, outputs=None)  # type: ignore[arg-type]  # fewer
    model = write_model(story.place.path.parent / "other", weights=b"other", signature=other)
    log_run(story.place.path, "run-other", model, metrics={"accuracy": 0.95}, register_as="churn")
    story.push("churn@v2.0.0", "staging")
    head = story.propose("churn@v2.0.0", "production")
    (report,) = judged(story, head)
    (found,) = [result for result in report.results if result.check == "signature"]
    assert (report.ok, found.state) == (True, "warned")
    assert found.problems[0].text == ("outputs: were dropped (major): callers can no longer rely on what they get")
    assert found.about.startswith("major: inputs: plan was removed (minor): callers may go on sending it")
    story.policy(POLICY + "    require: [signature]\n")
    assert blocking(judged(story, head)[0], "signature") != []


def test_a_check_that_is_required_and_that_nobody_knows_fails(story: History) -> None:
    story.policy(POLICY + "    require: [sginature]\n")
    (report,) = judged(story, story.propose("churn@v1.0.1", "production"))
    assert states(report)["sginature"] == "failed"
    assert blocking(report) == ["production requires sginature, and there is no such check"]


def test_a_stage_that_the_policy_does_not_know_is_refused(story: History) -> None:
    (report,) = judged(story, story.propose("churn@v1.0.1", "Production"))
    assert blocking(report) == ["gitreg.yaml has no stage Production; there is staging, production"]


def test_a_policy_alone_needs_the_approvals_of_the_strictest_stage(story: History) -> None:
    git(story.place.path, "checkout", "-q", "-b", "policy")
    story._put("gitreg.yaml", POLICY.replace("approvals: 1", "approvals: 0"))
    head = story._commit(BEN, "weaker")
    number = story.said.opened(head, "churn@v1.0.1", "production", BEN, story.when)
    pull = story.said.get(number)
    (report,) = judged(story, head, pull=pull, forge=story.said)
    assert (report.subject, blocking(report)) == ("gitreg.yaml", ["1 approval wanted; 1 missing"])
    story.said.approved(number, CARA, head, story.when)
    assert judged(story, head, pull=pull, forge=story.said)[0].ok
    story._put("gitreg.yaml", "format: 1\nlimits: {file: 2MiB}\n" + POLICY.removeprefix("format: 1\n"))
    later = story._commit(BEN, "other limits")
    assert states(judged(story, later, pull=pull, forge=story.said)[0]) == {"config": "passed"}


def test_all_mistakes_of_a_new_policy_are_told_with_their_lines(story: History) -> None:
    git(story.place.path, "checkout", "-q", "-b", "policy")
    story._put("gitreg.yaml", "format: 1\nlimits: {file: huge}\nstages:\n  p: {approvals: many}\n  q: {after: r}\n")
    (report,) = judged(story, story._commit(BEN, "wrong"))
    assert [(p.path, p.line) for p in report.results[0].problems] == [("gitreg.yaml", n) for n in (2, 4, 5)]
    git(story.place.path, "rm", "-q", "gitreg.yaml")
    (gone,) = judged(story, story._commit(BEN, "no registry"))
    assert blocking(gone, "config") == ["gitreg.yaml is deleted: without it this is no registry"]


def test_cards_are_read(story: History) -> None:
    git(story.place.path, "checkout", "-q", "-b", "cards")
    story._put("models/churn.md", "---\ntitle: Churn\n---\nprose\n")
    assert states(judged(story, story._commit(BEN, "a card"))[0]) == {"cards": "passed"}
    story._put("models/churn.md", "---\ntitle: [\n---\n")
    (report,) = judged(story, story._commit(BEN, "no card"))
    assert not report.ok and report.results[0].problems[0].path == "models/churn.md"


def test_an_empty_change_has_nothing_to_say(story: History) -> None:
    assert judged(story, story.registry.main()) == []


def test_a_version_is_judged_by_itself(story: History) -> None:
    place = story.registry
    report = judge_version(place, gitreg.resolve("churn@v1.0.1"))
    assert report.subject == "churn@v1.0.1" and report.ok
    assert {check for check, state in states(report).items() if state != "skipped"} == {
        *("mlmodel", "digest", "payloads", "large-files", "requirements", "retired"),
    }


def test_a_version_is_judged_as_if_it_were_promoted(story: History) -> None:
    place = story.registry
    good = judge_version(place, gitreg.resolve("churn@v1.0.1"), "production")
    assert good.ok and good.subject == "churn v1.0.1 to production"
    assert (states(good)["order"], states(good)["approvals"]) == ("passed", "skipped")
    assert judge_version(place, gitreg.resolve("churn@v1.0.0"), "production").ok  # it ran there before
    model = write_model(story.place.path.parent / "third", weights=b"third")
    log_run(story.place.path, "run-third", model, metrics={"accuracy": 0.95}, register_as="churn")
    other = judge_version(place, gitreg.resolve("churn@v1.0.2"), "production")
    assert blocking(other) == ["production comes after staging, which runs churn@v1.0.1, not churn@v1.0.2"]


def test_a_head_that_is_not_there(story: History) -> None:
    with pytest.raises(NotFound):
        judged(story, "f" * 40)


def test_a_report_is_json(story: History) -> None:
    (report,) = judged(story, story.propose("churn@v1.0.0", "staging", text="format: 1\n"))
    found = json.loads(json.dumps(report.to_dict()))
    assert found["ok"] is False
    assert {"check", "state", "about", "problems"} == set(found["results"][0])
