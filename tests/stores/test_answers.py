"""What goes wrong on the way to a store, told apart whatever the plug-in calls it."""

from __future__ import annotations

import asyncio

import pytest

from gitreg.errors import GitregError, Refused, Unreachable
from gitreg.stores.git.credentials import timeout
from gitreg.stores.payloads import answers
from gitreg.stores.payloads.answers import Answer, Asking, Missing, read_answer
from gitreg.stores.payloads.identity import whose


class ReplyError(Exception):
    """As HTTP libraries raise it."""

    def __init__(self, status: int, text: str = "no") -> None:
        super().__init__(text)
        self.status = status


class ReadTimeoutError(Exception):
    """As some libraries name it."""


def told(error: Exception) -> Answer:
    return read_answer(error)


@pytest.mark.parametrize("status", [401, 403, 407])
def test_who_is_not_let_in_is_denied(status: int) -> None:
    assert told(ReplyError(status)).denied and not told(ReplyError(status)).cut
    wrapped = OSError(5, "Input/output error")
    wrapped.__cause__ = ReplyError(status)
    assert told(wrapped).denied
    assert told(PermissionError("Permission denied for user ana")).denied


@pytest.mark.parametrize("error", [ReplyError(404), ReplyError(410), FileNotFoundError(2, "No such file")])
def test_what_is_not_there_is_missing(error: Exception) -> None:
    assert told(error).missing


@pytest.mark.parametrize(
    "error",
    [*map(ReplyError, (408, 429, 500, 502, 503, 504)), ConnectionResetError(104, "reset"), TimeoutError(), EOFError()],
)
def test_what_passes_by_itself_is_tried_again(error: Exception) -> None:
    assert told(error).cut


@pytest.mark.parametrize(
    "error", [ReplyError(400), ReplyError(409), ConnectionRefusedError(111, "refused"), OSError("x")]
)
def test_what_does_not_is_told_at_once(error: Exception) -> None:
    assert not told(error).cut and not told(error).denied and not told(error).missing


def test_a_reason_holds_no_secret() -> None:
    text = "GET https://ana:horse@h/c?sv=1&sig=abc%3D&x=1 AccountKey=Zm9v; password=horse"
    reason = told(OSError(text)).reason
    assert "horse" not in reason and "abc" not in reason and "Zm9v" not in reason and "x=1" in reason


def asked(errors: list[Exception], monkeypatch: pytest.MonkeyPatch, seconds: float = 60) -> int:
    """How often it was asked, until it gave an answer."""
    monkeypatch.setattr(answers, "_WAITS", (0.0,) * 4)
    count = 0

    async def once() -> None:
        nonlocal count
        count += 1
        if errors:
            raise errors.pop(0)

    asyncio.run(Asking("s3://b", "nobody", seconds).ask("look at", once))
    return count


def test_four_more_tries_and_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    assert asked([ReplyError(503)] * 4, monkeypatch) == 5
    with pytest.raises(Unreachable, match="cannot look at s3://b: no"):
        asked([ReplyError(503)] * 5, monkeypatch)
    assert asked([ReadTimeoutError()], monkeypatch) == 2
    with pytest.raises(Unreachable, match="it took longer than 60 s"):
        asked([ReadTimeoutError()] * 2, monkeypatch)
    with pytest.raises(Missing):
        asked([ReplyError(404)], monkeypatch)
    with pytest.raises(Unreachable, match=r"s3://b refused who you are \(403\)") as caught:
        asked([ReplyError(403)], monkeypatch)
    assert caught.value.hint == "used were nobody"
    with pytest.raises(GitregError, match="mine"):
        asked([Refused("mine")], monkeypatch)


def test_the_time_out_is_a_number_of_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    assert timeout() == 60
    monkeypatch.setenv("GITREG_TIMEOUT", "2.5")
    assert timeout() == 2.5
    for bad in ("soon", "0", "-1", "nan", "inf"):
        monkeypatch.setenv("GITREG_TIMEOUT", bad)
        with pytest.raises(Refused, match="GITREG_TIMEOUT is"):
            timeout()


@pytest.mark.parametrize(
    ("scheme", "config", "environ", "says"),
    [
        ("s3", {"access_key_id": "AKIA1"}, {}, "access_key_id of the remote payloads"),
        ("s3", {}, {"AWS_ACCESS_KEY_ID": "AKIA1"}, "AWS_ACCESS_KEY_ID"),
        ("s3", {"allow_anonymous_login": True}, {}, "no credentials"),
        ("ssh", {"keyfile": "/k"}, {}, "the key /k"),
        ("ssh", {}, {"SSH_AUTH_SOCK": "/s"}, "ssh's agent"),
        ("webdavs", {"user": "ana", "password": "horse"}, {}, "user of the remote payloads"),
        ("https", {}, {}, "no credentials"),
        ("azure", {"connection_string": "AccountKey=x"}, {}, "connection_string of the remote payloads"),
        ("gs", {}, {"GOOGLE_APPLICATION_CREDENTIALS": "/f"}, "GOOGLE_APPLICATION_CREDENTIALS"),
    ],
)
def test_a_hint_says_whose_credentials_are_used_and_not_what_they_are(
    scheme: str, config: dict[str, object], environ: dict[str, str], says: str
) -> None:
    hint = whose(scheme, config, environ)
    assert says in hint and "dvc remote modify --local payloads" in hint
    assert "AKIA1" not in hint and "horse" not in hint and "AccountKey" not in hint
