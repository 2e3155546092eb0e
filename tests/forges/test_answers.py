"""Forges that refuse, limit, redirect, lie or are gone: a named error, the same in each dialect, and nothing done."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from gitreg.errors import Conflict, GitregError, NotFound, Refused, Unreachable
from gitreg.forges import _http
from gitreg.forges._http import Api, Token
from testing.forge_contract import BRANCH, Shop, proposed
from testing.forge_shops import DIALECTS, stub_shop
from testing.forge_stub import StubForge

PAGE = "<!doctype html><title>Sign in</title>"


@pytest.fixture(autouse=True)
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Nobody waits; what would have been waited for."""
    waited: list[float] = []
    monkeypatch.setattr(_http.time, "sleep", waited.append)
    return waited


REFUSALS: dict[int, tuple[type[GitregError], str]] = {
    401: (Refused, "does not know who you are"),
    403: (Refused, "you may not"),
    404: (NotFound, "404"),
    405: (Conflict, "its rules do not allow it now"),
    409: (Conflict, "has changed meanwhile"),
    410: (NotFound, "410"),
    422: (Conflict, "422"),
    500: (Unreachable, "500"),
    502: (Unreachable, "502"),
}


def test_a_refusal_is_told_in_words(stub: StubForge, shop: Shop) -> None:
    pull, before = proposed(shop), shop.main()
    for status, (kind, told) in REFUSALS.items():
        asked = len(stub.asked)
        stub.answer_instead(status, json.dumps({"message": "no: ana"}))
        with pytest.raises(kind) as caught:
            shop.forge("ana").comment(pull.number, "hello")
        assert told in caught.value.message and "no: ana" in caught.value.message
        assert stub.address.partition("://")[2] in caught.value.message
        assert "tok-ana" not in caught.value.message + caught.value.hint
        assert len(stub.asked) == asked + 1, "sent once"
    assert shop.forge("ana").reviews(pull.number) == [] and shop.main() == before


def test_what_was_only_asked_is_asked_again(stub: StubForge, shop: Shop, pauses: list[float]) -> None:
    pull = proposed(shop)
    stub.answer_instead(503, PAGE, {"content-type": "text/html"}, times=3)
    assert shop.forge("ana").get(pull.number) == pull
    assert len(pauses) == 3
    stub.answer_instead(502, "", times=4)
    with pytest.raises(Unreachable, match="502"):
        shop.forge("ana").get(pull.number)


def test_a_limit_is_kept(stub: StubForge, shop: Shop, pauses: list[float]) -> None:
    pull, status = proposed(shop), 429 if stub.dialect.NAME != "github" else 403
    stub.answer_instead(status, "{}", {"retry-after": "2"}, method="POST")
    shop.forge("ana").comment(pull.number, "hello")
    assert [round(pause) for pause in pauses] == [2]
    stub.answer_instead(status, "{}", {"retry-after": "3600"}, method="POST")
    with pytest.raises(Unreachable, match="too many requests") as caught:
        shop.forge("ana").comment(pull.number, "hello")
    assert caught.value.hint == "try again in 3600 seconds" and len(pauses) == 1
    assert caught.value.exit_code == 75


def test_an_exhausted_budget_of_requests_is_a_limit(stub: StubForge, shop: Shop) -> None:
    pull = proposed(shop)
    gone = {"x-ratelimit-remaining": "0", "x-ratelimit-reset": "99999999999"}
    stub.answer_instead(403, json.dumps({"message": "API rate limit exceeded"}), gone)
    with pytest.raises(Unreachable, match="too many requests"):
        shop.forge("ana").get(pull.number)


STRANGE = [
    (PAGE, "text/html"), ("", "text/html"), ("{", "application/json"), ("[" * 100_000, "application/json"),
    ("7", "application/json"), ('"text"', "application/json"), ("[1]", "application/json"),
    ('{"number": {}}', "application/json"), ("{}", "application/json"), ("\x00\xff", ""),
]  # fmt: skip


def test_an_answer_of_another_kind_is_told_as_such(stub: StubForge, shop: Shop) -> None:
    ana = shop.forge("ana")
    for content, kind in STRANGE:
        stub.instead.clear()
        stub.answer_instead(200, content.encode("latin-1"), {"content-type": kind}, times=3)
        for call in (lambda: ana.get("1"), lambda: ana.open("other", "main", "t", "b"), ana.pulls):
            with pytest.raises(Unreachable) as caught:
                call()
            assert content != PAGE or "a page for people" in caught.value.message


def test_a_redirect_to_another_host_is_not_followed(stub: StubForge, shop: Shop, thief: Thief) -> None:
    ana, number = shop.forge("ana"), proposed(shop).number
    for status in (301, 302, 307, 308):
        for there in (f"http://localhost:{thief.port}/", f"//localhost:{thief.port}/", "https://forge.example.org/api"):
            for call in (lambda: ana.get(number), lambda: ana.comment(number, "x")):
                stub.answer_instead(status, "", {"location": there})
                with pytest.raises(Refused, match="points to another host"):
                    call()
    assert thief.heard == []


def test_a_redirect_on_the_same_host_is_followed_to_read_alone(stub: StubForge, shop: Shop) -> None:
    pull = proposed(shop)
    here = (
        stub.asked[-1]
        .path.replace("/pulls", f"/pulls/{pull.number}")
        .replace("/merge_requests", f"/merge_requests/{pull.number}")
    )
    stub.answer_instead(301, "", {"location": here})
    assert shop.forge("ana").get(pull.number) == pull
    stub.answer_instead(307, "", {"location": here})
    with pytest.raises(Conflict, match="has moved: nothing was changed"):
        shop.forge("ana").comment(pull.number, "x")
    stub.answer_instead(301, "", {"location": here}, times=9)
    with pytest.raises(Unreachable, match="in circles"):
        shop.forge("ana").get(pull.number)


def test_a_next_page_on_another_host_is_not_asked_for(stub: StubForge, shop: Shop, thief: Thief) -> None:
    stub.answer_instead(200, "[]", {"link": f'<http://localhost:{thief.port}/api>; rel="next"'})
    with pytest.raises(Refused, match="another host"):
        shop.forge("ana").pulls()
    assert thief.heard == []


def test_a_list_is_read_page_by_page(stub: StubForge, shop: Shop) -> None:
    stub.largest_page = 2
    for n in range(5):
        proposed(shop, f"version: v1.0.{n}\n", f"promote/production/m{n}")
    assert [pull.number for pull in shop.forge("ana").pulls()] == ["5", "4", "3", "2", "1"]
    found = shop.forge("ana").find("promote/production/m0", "main")
    assert found is not None and found.number == "1"


def test_an_answer_that_never_ends_is_ended(stub: StubForge, shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_http, "_LARGEST", 1000)
    stub.answer_instead(200, b"[" + b" " * 5000 + b"]", times=4)
    with pytest.raises(Unreachable, match="does not end"):
        shop.forge("ana").pulls()


def test_a_merge_whose_answer_is_lost_is_looked_up(stub: StubForge, shop: Shop) -> None:
    pull = proposed(shop)
    shop.forge("bo").review(pull, "approve", "")
    stub.lost = "/merge"
    assert shop.forge("bo").merge(pull, "Promote churn") == shop.main()


def test_a_token_that_the_forge_repeats_is_not(stub: StubForge, shop: Shop) -> None:
    stub.answer_instead(403, json.dumps({"message": "tok-ana may not"}))
    with pytest.raises(Refused) as caught:
        shop.forge("ana").pulls()
    assert "tok-ana" not in caught.value.message and "... may not" in caught.value.message


def test_who_is_unknown_is_told_where_the_token_came_from(stub: StubForge, shop: Shop) -> None:
    ana = shop.forge("ana")
    stub.accounts["ana"].token = "another"
    with pytest.raises(Refused) as caught:
        ana.pulls()
    assert "a test was used" in caught.value.hint


@pytest.mark.parametrize("dialect", DIALECTS)
def test_nobody_there(dialect: str, tmp_path: Path) -> None:
    with stub_shop(dialect, tmp_path) as (_, shop):
        ana = shop.forge("ana")
    with pytest.raises(Unreachable, match="does not answer"):
        ana.pulls()


def test_a_server_that_says_nothing_is_given_up(thief: Thief, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GITREG_TIMEOUT", "0.2")
    api = Api("gitea", f"http://127.0.0.1:{thief.port}/api/v1", None, ("Authorization", "token {}"))
    with pytest.raises(Unreachable, match="in time"):
        api.call("POST", "repos")
    assert thief.heard and b"Authorization" not in thief.heard[0]


def test_a_token_never_travels_in_the_clear() -> None:
    with pytest.raises(Refused, match=r"GITREG_TOKEN is not sent to forge\.example\.org over plain http"):
        Api("gitea", "http://forge.example.org/api/v1", Token("x", "GITREG_TOKEN"), ("Authorization", "token {}"))
    assert "3cr3t" not in repr(Api("gitea", "https://forge.example.org", Token("3cr3t", "a test"), ("a", "{}")))


def test_a_number_is_no_path(stub: StubForge, shop: Shop) -> None:
    asked = len(stub.asked)
    for number in ("../../../user", "1/../2", "1?state=closed", "1#x", "1 2", "1\n"):
        with pytest.raises(NotFound):
            shop.forge("ana").get(number)
    assert len(stub.asked) == asked


def test_what_netrc_has_is_not_sent(stub: StubForge, shop: Shop, home: Path) -> None:
    (home / ".netrc").write_text("machine 127.0.0.1 login ana password from-netrc\n")
    api = Api("x", f"{stub.address}{stub.dialect.PREFIX}", None, ("Authorization", "Bearer {}"))
    with pytest.raises((Refused, NotFound)):
        api.get(f"repos/{BRANCH}")
    assert "authorization" not in stub.asked[-1].headers


def test_what_was_dismissed_does_not_count(tmp_path: Path) -> None:
    for dialect in ("github", "gitea"):
        folder = tmp_path / dialect
        folder.mkdir()
        with stub_shop(dialect, folder) as (stub, shop):
            pull = proposed(shop)
            shop.forge("bo").review(pull, "approve", "")
            stub.repos["team/models"].changes[0].reviews[0].dismissed = True
            assert shop.forge("ana").reviews(pull.number) == []


def test_a_stranger_is_told_from_those_who_belong_to_the_repository(tmp_path: Path) -> None:
    for dialect in ("github", "gitea"):
        folder = tmp_path / dialect
        folder.mkdir()
        with stub_shop(dialect, folder) as (_, shop):
            pull = proposed(shop)
            shop.forge("eve").review(pull, "approve", "Nice.")
            shop.forge("bo").review(pull, "approve", "Yes.")
            assert [(one.by, one.outsider) for one in shop.forge("ana").reviews(pull.number)] == [
                ("eve", True), ("bo", False),
            ]  # fmt: skip


def test_an_older_gitlab_tells_when_in_a_note_alone(tmp_path: Path) -> None:
    with stub_shop("gitlab", tmp_path) as (stub, shop):
        stub.repos["team/models"].settings["old"] = True
        pull = proposed(shop)
        shop.forge("bo").review(pull, "approve", "")
        head = shop.push("version: v2.0.0\n")
        shop.forge("cy").review(shop.forge("cy").get(pull.number), "approve", "")
        assert [(one.by, one.commit) for one in shop.forge("ana").reviews(pull.number)] == [
            ("bo", pull.head_commit), ("cy", head),
        ]  # fmt: skip
        notes = stub.repos["team/models"].changes[0].comments
        notes[:] = [said for said in notes if said.verdict != "system"]
        assert {one.commit for one in shop.forge("ana").reviews(pull.number)} == {""}, "unknown, so not guessed"


class Thief:
    """Somebody who listens at a port of this machine and never answers."""

    def __init__(self) -> None:
        self.heard: list[bytes] = []
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.port = self.socket.getsockname()[1]
        self.open: list[socket.socket] = []
        threading.Thread(target=self._listen, daemon=True).start()

    def _listen(self) -> None:
        while True:
            try:
                found = self.socket.accept()[0]
                self.open.append(found)
                self.heard.append(found.recv(1 << 16))
            except OSError:
                return


@pytest.fixture
def thief() -> Iterator[Thief]:
    found = Thief()
    yield found
    found.socket.shutdown(socket.SHUT_RDWR)  # the one that listens wakes
    found.socket.close()
    for one in found.open:
        one.close()
