"""DVC's pointers: what we write, what DVC writes, and what a stranger might."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gitreg.errors import Damaged, GitregError, Refused
from gitreg.format.pointer import Pointer, format_pointer, parse_pointer
from testing.warm import Run

MD5 = "5d41402abc4b2a76b9719d911017c592"
names = st.text(
    st.characters(codec="utf-8", exclude_categories=["Cc"], exclude_characters="/\\:\u2028\u2029"), min_size=1
)
# Half of them are of the kind that YAML would read as a number.
md5s = st.text("0123456789abcdef", min_size=32, max_size=32) | st.from_regex(
    r"[0-9]{1,31}e[0-9]{30}", fullmatch=True
).map(lambda text: text[-32:].rjust(32, "1"))

pointers = st.builds(Pointer, names.filter(lambda name: name not in {".", ".."}), md5s, st.integers(0, (1 << 60) - 1))


def test_the_text_is_the_one_published() -> None:
    text = f'outs:\n- md5: {MD5}\n  size: 5\n  hash: md5\n  path: "model.pkl"\n'
    assert format_pointer(Pointer("model.pkl", MD5, 5)) == text
    assert parse_pointer(text) == parse_pointer(text.encode()) == Pointer("model.pkl", MD5, 5)


@given(pointers)
def test_a_pointer_is_read_back(pointer: Pointer) -> None:
    text = format_pointer(pointer)
    assert parse_pointer(text) == pointer
    assert parse_pointer(text + "# and by way of YAML\n") == pointer


@settings(max_examples=25)  # DVC's parser is slow
@given(pointers)
def test_dvc_reads_the_same_facts(pointer: Pointer) -> None:
    from dvc.schema import COMPILED_SINGLE_STAGE_SCHEMA
    from dvc.utils.serialize import parse_yaml

    found = COMPILED_SINGLE_STAGE_SCHEMA(parse_yaml(format_pointer(pointer), "x.dvc"))
    assert found == {"outs": [{"md5": pointer.md5, "size": pointer.size, "hash": "md5", "path": pointer.path}]}


@settings(max_examples=25)  # DVC's parser is slow
@given(pointers)
def test_what_dvc_writes_is_read(pointer: Pointer) -> None:
    from dvc.utils.serialize import dumps_yaml

    out = {"md5": pointer.md5, "size": pointer.size, "isexec": True, "hash": "md5", "path": pointer.path}
    assert parse_pointer(dumps_yaml({"outs": [out], "desc": "a", "meta": {"b": 1}})) == pointer


def test_reading_our_own_form_needs_no_yaml() -> None:
    code = (
        "import sys; from gitreg.format.pointer import *; "
        f"t = format_pointer(Pointer('é #.pkl', '{MD5}', 5)); assert parse_pointer(t).path == 'é #.pkl'; "
        "sys.exit('yaml' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], cwd=Path(__file__).parents[2]).returncode == 0


@pytest.mark.parametrize("md5", ["0" * 32, "1" * 32, "0b" + "01" * 15, "01" * 16])
def test_an_md5_that_looks_like_a_number_is_quoted(md5: str) -> None:
    text = format_pointer(Pointer("a", md5, 1))
    assert f'- md5: "{md5}"\n' in text
    assert parse_pointer(text).md5 == md5
    with pytest.raises(Damaged, match="md5 is not 32 lower-case hex digits"):  # nor could DVC read it
        parse_pointer(text.replace(f'"{md5}"', md5))


def test_an_md5_that_only_yaml_1_2_takes_for_a_number_is_quoted() -> None:
    md5 = "1234567890123456789e012345678901"
    assert f'- md5: "{md5}"\n' in format_pointer(Pointer("a", md5, 1))


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"md5": MD5 + ".dir"}, "names a folder"),
        ({"md5": MD5.upper()}, "md5 is not 32 lower-case hex digits"),
        ({"md5": MD5[1:]}, "md5 is not"),
        ({"md5": None}, "md5 is not"),
        ({"md5": MD5 + "\n"}, "md5 is not"),
        ({"hash": None}, "has no 'hash: md5'"),
        ({"hash": "sha256"}, "has no 'hash: md5'"),
        ({"size": None}, "size is not a whole number of bytes"),
        ({"size": -1}, "size is not a whole number of bytes"),
        ({"size": 1.5}, "size is not a whole number of bytes"),
        ({"size": True}, "size is not a whole number of bytes"),
        ({"size": "5"}, "size is not a whole number of bytes"),
        ({"size": 1 << 60}, "size is not a whole number of bytes"),
        ({"path": None}, "path is not the bare name"),
        ({"path": ""}, "path is not the bare name"),
        ({"path": "."}, "path is not the bare name"),
        ({"path": ".."}, "path is not the bare name"),
        ({"path": "../model.pkl"}, "path is not the bare name"),
        ({"path": "a/b"}, "path is not the bare name"),
        ({"path": "/etc/passwd"}, "path is not the bare name"),
        ({"path": "a\\b"}, "path is not the bare name"),
        ({"path": "C:model.pkl"}, "path is not the bare name"),
        ({"path": "s3://bucket/x"}, "path is not the bare name"),
        ({"path": "a\nb"}, "path is not the bare name"),
        ({"path": "a\0b"}, "path is not the bare name"),
        ({"path": 5}, "path is not the bare name"),
        ({"remote": "theirs"}, "has the key 'remote'"),
        ({"cache": False}, "has the key 'cache'"),
        ({"push": False}, "has the key 'push'"),
        ({"files": []}, "has the key 'files'"),
        ({"cloud": {}}, "has the key 'cloud'"),
        ({"nfiles": 3}, "has the key 'nfiles'"),
        ({"sha256": "0" * 64}, "has the key 'sha256'"),
    ],
)
def test_an_out_that_could_mean_more_is_refused(change: dict[str, object], says: str) -> None:
    out = {"md5": MD5, "size": 5, "hash": "md5", "path": "model.pkl"} | change
    text = json.dumps({"outs": [{key: value for key, value in out.items() if value is not None}]})
    with pytest.raises(Damaged, match=f"^model/x.dvc.*{says}"):
        parse_pointer(text, "model/x.dvc")


@pytest.mark.parametrize("key", ["wdir", "deps", "repo", "cmd", "frozen", "remote", "md5", "always_changed", "url"])
def test_a_pointer_that_could_do_more_is_refused(key: str) -> None:
    with pytest.raises(Damaged, match=f"has the key '{key}', which is not accepted"):
        parse_pointer(f"{key}: x\n" + format_pointer(Pointer("model.pkl", MD5, 5)))


@pytest.mark.parametrize(
    "text",
    ["", "{}", "outs:\n", "outs: []", "outs: x", "outs: {}", "outs: [1]", "[]", "outs: [{}, {}]", "a: &a 1", "\0",
     "outs:\n- &a {md5: a}\n- *a\n", f"outs:\n- md5: {MD5}\n- md5: {MD5}\n", "x" * 2_000_000],
)  # fmt: skip
def test_what_is_no_pointer_is_refused_by_name(text: str) -> None:
    with pytest.raises(Damaged, match=r"^here\.dvc"):
        parse_pointer(text, "here.dvc")


def test_a_name_that_is_not_utf_8_is_refused() -> None:
    with pytest.raises(Damaged, match="is not UTF-8"):
        parse_pointer(format_pointer(Pointer("model.pkl", MD5, 5)).encode().replace(b"model", b"mod\xff"))


def test_an_escaped_surrogate_pair_is_read_by_yaml_and_refused() -> None:
    text = format_pointer(Pointer("x.pkl", MD5, 5)).replace('"x.pkl"', '"\\ud83d\\ude00.pkl"')
    with pytest.raises(Damaged):
        parse_pointer(text)


@given(st.text() | st.binary())
def test_any_input_is_a_pointer_or_an_error_of_ours(text: str | bytes) -> None:
    with pytest.raises(GitregError):
        parse_pointer(text)


@given(pointers, st.integers(0, 200), st.text(st.characters(codec="utf-8"), max_size=3))
def test_a_changed_pointer_is_a_pointer_or_an_error_of_ours(pointer: Pointer, at: int, put: str) -> None:
    text = format_pointer(pointer)
    text = text[:at] + put + text[at + 1 :]
    try:
        found = parse_pointer(text)
    except GitregError:
        return
    assert "/" not in found.path and found.path not in {"", ".", ".."}
    assert parse_pointer(format_pointer(found)) == found


@pytest.mark.parametrize(
    "pointer",
    [Pointer("", MD5, 1), Pointer("a/b", MD5, 1), Pointer("..", MD5, 1), Pointer("a", "x", 1), Pointer("a", MD5, -1),
     Pointer("a\nb", MD5, 1), Pointer("\ud800", MD5, 1)],
)  # fmt: skip
def test_what_could_not_be_read_back_is_not_written(pointer: Pointer) -> None:
    with pytest.raises(Refused):
        format_pointer(pointer)


def test_dvc_itself_follows_our_pointers_and_we_follow_its(
    dvc: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    dvc("init", "--no-scm", "-q")
    name = "a #b é$.pkl"
    (tmp_path / name).write_text("hello")
    dvc("add", "-q", name)
    found = parse_pointer((tmp_path / f"{name}.dvc").read_bytes())
    assert found == Pointer(name, MD5, 5)
    (tmp_path / name).unlink()
    (tmp_path / f"{name}.dvc").write_text(format_pointer(found))
    dvc("checkout", "-q")
    assert (tmp_path / name).read_text() == "hello"
