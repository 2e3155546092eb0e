"""SHA256SUMS: one text for a set of files, read by sha256sum, and nothing read that could lead elsewhere."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gitreg.errors import Damaged, GitregError, Refused
from gitreg.format.sums import Sums, check_digest, format_sums, make_sums, parse_sums
from testing.work import growth, steps

A, B = "a" * 64, "0123456789abcdef" * 4
parts = st.text(
    st.characters(codec="utf-8", exclude_categories=["Cc"], exclude_characters="/\\"), min_size=1, max_size=8
)
paths = (
    st.lists(parts.filter(lambda part: part not in {".", ".."}), min_size=1, max_size=3)
    .map("/".join)
    .filter(lambda path: path != "SHA256SUMS")
)

sums = st.dictionaries(paths, st.text("0123456789abcdef", min_size=64, max_size=64), max_size=8).map(make_sums)


def test_the_text_is_sorted_by_bytes_and_has_a_digest() -> None:
    found = make_sums({"model.pkl": A, "MLmodel": B, "code/é.py": A, "code.py": B, "\U0001f600": A, "\uffee": B})
    text = format_sums(found)
    listed = [line[66:] for line in text.splitlines()]
    assert listed == sorted(listed, key=str.encode)
    assert listed == ["MLmodel", "code.py", "code/é.py", "model.pkl", "\uffee", "\U0001f600"]
    assert text.startswith(f"{B}  MLmodel\n")
    assert found.digest() == "sha256:" + hashlib.sha256(text.encode()).hexdigest()
    assert found.get("model.pkl") == A
    assert found.get("other") is None


def test_no_files_are_an_empty_text() -> None:
    assert format_sums(Sums()) == ""
    assert parse_sums("") == Sums()


@given(sums)
def test_sums_are_read_back(found: Sums) -> None:
    text = format_sums(found)
    assert parse_sums(text) == parse_sums(text.encode()) == found
    assert parse_sums(text).digest() == found.digest()


def test_sha256sum_agrees(tmp_path: Path) -> None:
    files = {"MLmodel": b"x", "code/a b.py": b"", "*é'$": b"y", " leading": b"z", "#": b"#", "-": b"-"}
    for path, content in files.items():
        (tmp_path / path).parent.mkdir(exist_ok=True)
        (tmp_path / path).write_bytes(content)
    listed = make_sums({path: hashlib.sha256(content).hexdigest() for path, content in files.items()})
    (tmp_path / "SHA256SUMS").write_text(format_sums(listed))
    names = sorted((f"./{path}" if path == "-" else path for path in files), key=str.encode)
    check = subprocess.run(["sha256sum", "--strict", "-c", "SHA256SUMS"], cwd=tmp_path, capture_output=True, input=b"-")
    assert check.returncode == 0, check.stderr
    written = subprocess.run(["sha256sum", "--", *names], cwd=tmp_path, capture_output=True, check=True, text=True)
    assert sorted(written.stdout.replace("./-", "-").splitlines()) == sorted(format_sums(listed).splitlines())


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (f"{A}  /etc/passwd\n", "line 1: '/etc/passwd' is not a relative path"),
        (f"{A}  ../x\n", "line 1: '../x' is not a relative path"),
        (f"{A}  a/../x\n", "is not a relative path"),
        (f"{A}  a/..\n", "is not a relative path"),
        (f"{A}  ..\n", "is not a relative path"),
        (f"{A}  ./x\n", "is not a relative path"),
        (f"{A}  a//b\n", "is not a relative path"),
        (f"{A}  a/\n", "is not a relative path"),
        (f"{A}  \n", "is not a relative path"),
        (f"{A}  a\\b\n", "is not a relative path"),
        (f"{A}  a\tb\n", "is not a relative path"),
        (f"{A}  a\0b\n", "is not a relative path"),
        (f"\\{A}  a\\nb\n", "a file name with escapes is not accepted"),
        (f"{A} *a\n", r"the mark \* of binary mode is not accepted"),
        (f"{A}  a\r\n", "ends with CR"),
        (f"{A}  a", "line 1: is cut short"),
        (f"{A}  a\n{A}  b", "line 2: is cut short"),
        (f"{A.upper()}  a\n", "the sum is not in lower case"),
        (f"{A[1:]}  a\n", "not a sha256, two spaces and a path"),
        (f"{A} a\n", "not a sha256, two spaces and a path"),
        (f"{A}\ta\n", "not a sha256, two spaces and a path"),
        ("\n", "line 1: not a sha256"),
        (f"{A}  a\n\n", "line 2: not a sha256"),
        ("# a comment\n", "not a sha256"),
        (f"SHA256 (a) = {A}\n", "not a sha256"),
        (f"{A}  a\n{B}  a\n", "line 2: 'a' is listed twice"),
        (f"{A}  b\n{A}  a\n", "line 2: 'a' stands after 'b'; lines are sorted by bytes"),
        (f"{A}  a\n{A}  Z\n", "line 2: 'Z' stands after 'a'"),
        (f"{A}  SHA256SUMS\n", "lists itself"),
        (f"{A}  \ud800\n", "is not a relative path"),
    ],
)
def test_any_other_text_is_refused_with_its_line(text: str, says: str) -> None:
    with pytest.raises(Damaged, match=f"^model/SHA256SUMS.*{says}"):
        parse_sums(text, "model/SHA256SUMS")


def test_a_name_that_is_not_utf_8_is_refused() -> None:
    with pytest.raises(Damaged):
        parse_sums(f"{A}  ".encode() + b"\xff\n")


@given(st.text() | st.binary() | st.text("0a \n/.*\\", max_size=200))
def test_any_input_is_sums_or_an_error_of_ours(text: str | bytes) -> None:
    try:
        found = parse_sums(text)
    except GitregError:
        return
    assert format_sums(found) == (text.decode() if isinstance(text, bytes) else text)


@given(sums, st.integers(0, 300), st.text(max_size=2))
def test_a_changed_text_has_another_digest_or_is_refused(found: Sums, at: int, put: str) -> None:
    text = format_sums(found)
    changed = text[:at] + put + text[at + 1 :]
    try:
        other = parse_sums(changed)
    except GitregError:
        return
    assert (other.digest() == found.digest()) == (changed == text)


@pytest.mark.parametrize(
    "files",
    [{"../a": A}, {"/a": A}, {"": A}, {"a\nb": A}, {"a\\b": A}, {"a/./b": A}, {"SHA256SUMS": A}, {"a": A.upper()},
     {"a": A + "\n"}, {"\ud800": A}],
)  # fmt: skip
def test_what_could_not_be_read_back_is_not_listed(files: dict[str, str]) -> None:
    with pytest.raises(Refused):
        make_sums(files)


def test_a_path_is_listed_once() -> None:
    with pytest.raises(Refused, match="'a' is listed twice"):
        make_sums([("a", A), ("a", B)])
    assert make_sums({"code/SHA256SUMS": A}).get("code/SHA256SUMS") == A


def test_a_digest_has_one_form() -> None:
    assert check_digest(f"sha256:{A}") == f"sha256:{A}"
    for wrong in ("", A, f"sha256:{A.upper()}", f"sha256:{A}\n", f"md5:{A}", f"sha256:{A[1:]}"):
        with pytest.raises(Damaged, match=r"^Gitreg-Digest is "):
            check_digest(wrong, "Gitreg-Digest")


def test_a_file_more_is_a_few_steps_more() -> None:
    texts = {
        count: format_sums(make_sums((f"code/folder {n % 100}/file {n}.py", A) for n in range(count)))
        for count in (100, 1000)
    }
    assert len(parse_sums(texts[1000]).entries) == 1000
    assert growth(lambda count: parse_sums(texts[count]), 100, 10) < 12
    assert steps(lambda: parse_sums(texts[1000])) < 8 * 1000


def test_reading_needs_no_yaml() -> None:
    code = "import sys, gitreg.format.sums; sys.exit('yaml' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=Path(__file__).parents[2]).returncode == 0


def test_a_hostile_line_is_refused() -> None:
    """Each is so long that reading it in quadratic time would not end."""
    for text in (f"{A}  " + "a/" * 500_000 + "\n", f"{A}  " + "." * 1_000_000, "a" * 1_000_000):
        with pytest.raises(Damaged):
            parse_sums(text)
