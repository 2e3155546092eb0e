"""Names: what may be written to a registry, and that nothing else ever is."""

from __future__ import annotations

import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from gitreg.errors import Refused, shown
from gitreg.format.names import (
    Paths,
    check_key,
    check_metric_key,
    check_model_name,
    check_path,
    check_paths,
    check_run_id,
    check_stage_name,
    check_text,
    decode_metric_key,
    encode_metric_key,
    is_payload_name,
)

anything = st.text(max_size=120)
words = st.text("abcAB01-_.@!#~^: /\\\n", max_size=12)
keys = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=40)


@pytest.mark.parametrize("name", ["churn", "c", "7", "Churn-2_x", "a" * 100, "v1", "latest", "production"])
def test_a_model_may_have_this_name(name: str) -> None:
    assert check_model_name(name) == name


@pytest.mark.parametrize(
    "name",
    [
        "",
        "-a",
        "a-",
        "_a",
        "a b",
        "a/b",
        "a@b",
        "a#b",
        "a!",
        "a.b",
        "ä",
        "a\n",
        "a" * 101,
        "run",
        "RUN",
        "gitreg",
        "con",
        "NUL",
        "com1",
        "Lpt9",
        "aux",
    ],
)
def test_a_model_may_not_have_this_name(name: str) -> None:
    with pytest.raises(Refused) as refused:
        check_model_name(name)
    assert shown(name) in refused.value.message
    assert refused.value.hint


@pytest.mark.parametrize("name", ["dev", "production", "champion", "vault", "a1", "1a", "V"])
def test_a_stage_may_have_this_name(name: str) -> None:
    assert check_stage_name(name) == name


@pytest.mark.parametrize(
    "name",
    ["1", "42", "v1", "V2x", "v1-3", "latest", "Latest", "greatest", "created", "deprecated", "run", "prn", "a.b"],
)
def test_a_stage_may_not_have_this_name(name: str) -> None:
    with pytest.raises(Refused):
        check_stage_name(name)


@pytest.mark.parametrize("run_id", ["a", "29eddffdb8e24874a95ed75a8a7c17e2", "a_", "A-" + "b" * 98])
def test_a_run_may_have_this_id(run_id: str) -> None:
    assert check_run_id(run_id) == run_id


@pytest.mark.parametrize("run_id", ["", "_a", "-a", "a/b", "a b", "a.b", "a" * 101, "a\n"])
def test_a_run_may_not_have_this_id(run_id: str) -> None:
    with pytest.raises(Refused):
        check_run_id(run_id)


@given(anything | words)
def test_a_name_is_taken_as_it_is_or_refused(text: str) -> None:
    for check in (
        check_model_name,
        check_stage_name,
        check_run_id,
        check_key,
        check_metric_key,
        check_path,
        check_text,
    ):
        try:
            found = check(text, "it") if check is check_text else check(text)
        except Refused as refused:
            assert refused.message.encode()
        else:
            assert found == text
            assert text.encode().decode() == text


@given(keys)
@example("Accuracy")
@example("..")
@example(".hidden")
@example("a/b%2F")
@example("ü" * 11)
def test_a_metric_key_is_read_back_from_its_file_name(key: str) -> None:
    name = encode_metric_key(key)
    assert re.fullmatch(r"(?!\.)[a-z0-9_.%A-F-]+", name)
    assert decode_metric_key(name) == key


@given(st.text("%2EFa.Z_/", max_size=8) | anything)
@example("%2e")
@example("%FF")
@example("%61")
@example(".a")
@example("%2")
def test_another_file_name_is_no_metric(name: str) -> None:
    try:
        key = decode_metric_key(name)
    except Refused:
        return
    assert encode_metric_key(key) == name


def test_a_param_may_have_a_longer_key_than_a_metric_that_is_a_file() -> None:
    assert check_key("LEARNING_RATE" * 10)
    with pytest.raises(Refused, match="too long"):
        check_metric_key("LEARNING_RATE" * 10)


@pytest.mark.parametrize(
    "path",
    [
        "model.pkl",
        "a/b/c.txt",
        "ü.txt",
        "a b.txt",
        "'q'.txt",
        "a#b",
        "gitreg",
        "x.dvcx",
        "sub/.gitreg/x",
        "-rf",
        "~",
        "a%b",
    ],
)
def test_a_file_may_have_this_path(path: str) -> None:
    assert check_path(path) == path


@pytest.mark.parametrize(
    "path",
    [
        "",
        "/a",
        "a/",
        "a//b",
        ".",
        "..",
        "a/../b",
        "./a",
        ".git",
        ".GIT/x",
        "a/.git",
        ".dvc",
        "a/.dvc/b",
        ".dvcignore",
        "dvc.yaml",
        "a/DVC.yaml",
        "dvc.lock",
        "x.dvc",
        "x.DVC/y",
        ".gitreg",
        ".GitReg/x",
        "#a",
        "a/#b",
        "a.",
        "a ",
        "a./b",
        "a\\b",
        "a:b",
        'a"b',
        "a<b",
        "a>b",
        "a|b",
        "a?",
        "a*",
        "a\tb",
        "a\nb",
        "\x7f",
        "con",
        "con.txt",
        "a/NUL.tar.gz",
        "COM¹.txt",
        "nul .txt",
        "a" * 201,
        "ü" * 101,
        "u\u0308.txt",
        "\ud800",
    ],
)
def test_a_file_may_not_have_this_path(path: str) -> None:
    with pytest.raises(Refused):
        check_path(path)


@pytest.mark.parametrize(
    "paths",
    [("a", "A"), ("a/b", "A/c"), ("a", "a/b"), ("A", "a/b"), ("ß.txt", "SS.txt"), ("x/y", "x"), ("x/y/z", "X/y/w")],
)
def test_two_files_that_some_system_would_take_for_one_are_refused(paths: tuple[str, ...]) -> None:
    for order in (paths, paths[::-1]):
        names = Paths()
        names.add(order[0])
        with pytest.raises(Refused):
            names.add(order[1])
    with pytest.raises(Refused):
        check_paths(paths)


@given(st.lists(st.lists(st.sampled_from("abAB"), min_size=1, max_size=3).map("/".join), max_size=6))
def test_names_checked_one_by_one_are_those_checked_together(paths: list[str]) -> None:
    names, refused = Paths(), False
    for path in paths:
        try:
            names.add(path)
        except Refused:
            refused = True
    try:
        check_paths(paths)
    except Refused:
        assert refused
    else:
        assert not refused


def test_a_file_may_be_logged_again_under_its_name() -> None:
    names = Paths()
    names.add("a/b")
    names.add("a/b")
    names.add("a/c")


def test_a_refused_name_leaves_nothing_behind() -> None:
    names = Paths()
    names.add("x/y")
    with pytest.raises(Refused):
        names.add("x")
    names.add("x/z")


@pytest.mark.parametrize(
    "name", ["model.pkl", "a/MODEL.PKL", "x.tar.gz", "input_example.json", "d/Serving_Input_Example.json"]
)
def test_a_file_of_this_name_is_always_a_payload(name: str) -> None:
    assert is_payload_name(name)


@pytest.mark.parametrize("name", ["MLmodel", "conda.yaml", "requirements.txt", "code/a.py", "metrics.json", "pkl"])
def test_a_file_of_this_name_is_a_payload_only_when_it_is_large(name: str) -> None:
    assert not is_payload_name(name)
