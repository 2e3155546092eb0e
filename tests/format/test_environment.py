"""requirements.txt, conda.yaml and python_env.yaml: only packages and versions get through."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from packaging.requirements import Requirement

from gitreg.errors import Damaged, GitregError, Refused
from gitreg.format.environment import (
    CondaEnv,
    PythonEnv,
    RequirementChange,
    check_requirements,
    compare_requirements,
    conda_env_from,
    conda_requirements,
    format_conda_env,
    format_python_env,
    format_requirements,
    model_requirements,
    parse_conda_env,
    parse_python_env,
    parse_requirements,
)

CLASSIC = """\
channels:
- defaults
dependencies:
- python=3.7.3
- scikit-learn=0.21.3
- pip:
  - mlflow
  - cloudpickle=1.2.2
name: mlflow-env
"""

TODAY = """\
channels:
- conda-forge
dependencies:
- python=3.11.7
- pip<=24.0
- pip:
  - mlflow==3.17.2
  - scikit-learn
  - cloudpickle
name: mlflow-env
"""

texts = st.text(st.characters(codec="utf-8"), max_size=10)
names = st.from_regex(r"[a-z]([a-z0-9_.-]{0,6}[a-z0-9])?", fullmatch=True)
requirements = st.builds(
    lambda name, extra, versions, marker: name + extra + versions + marker,
    names,
    st.sampled_from(["", "[a]", "[a,b]"]),
    st.sampled_from(["", "==1.2", ">=1,<2", " ~= 1.0", "===odd", "==1.2.*", "==1.0+cpu"]),
    st.sampled_from(["", ' ; python_version < "3.9"']),
)
environments = st.builds(
    CondaEnv,
    dependencies=st.lists(texts, max_size=4).map(tuple),
    pip=st.none() | st.lists(texts, max_size=4).map(tuple),
    channels=st.lists(texts, max_size=2).map(tuple),
    name=st.none() | texts,
    extra=st.dictionaries(texts.map(lambda key: "x" + key), texts | st.integers(), max_size=2),
)


def test_comments_and_empty_lines_are_left_out() -> None:
    text = "# by hand\nscikit-learn==1.9.1  # exact\r\n\n  cloudpickle\npandas[excel] >= 2 ; python_version > '3.8'\n"
    found = parse_requirements(text)
    assert found.lines == ("scikit-learn==1.9.1", "cloudpickle", "pandas[excel] >= 2 ; python_version > '3.8'")
    assert found.warnings == ()
    assert parse_requirements("").lines == ()


def test_a_single_equals_sign_is_read_as_two_with_a_warning() -> None:
    found = parse_requirements("mlflow\ncloudpickle=1.2.2\n")
    assert found.lines == ("mlflow", "cloudpickle==1.2.2")
    assert found.warnings == (
        "requirements.txt, line 2: cloudpickle=1.2.2 is not valid for pip and is read as cloudpickle==1.2.2",
    )


@given(st.lists(requirements, max_size=6))
def test_requirements_are_read_back(lines: list[str]) -> None:
    text = format_requirements(lines)
    assert parse_requirements(text).lines == check_requirements(lines).lines == tuple(lines)
    assert format_requirements(parse_requirements(text).lines) == text


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("-r other.txt", "the option -r is not accepted"),
        ("-c constraints.txt", "the option -c is not accepted"),
        ("-e .", "the option -e is not accepted"),
        ("--trusted-host evil.example", "the option --trusted-host is not accepted"),
        ("--find-links=https://evil.example", "the option --find-links"),
        ("--find-links /tmp", "the option --find-links is not accepted"),
        ("--pre", "the option --pre is not accepted"),
        ("--trusted-host evil.example", "the option --trusted-host"),
        ("a==1 --hash=sha256:" + "0" * 64, "is no requirement"),
        ("https://evil.example/a.whl", "is no requirement"),
        ("git+https://evil.example/a", "is no requirement"),
        ("a @ https://evil.example/a.whl", "a comes from a URL"),
        ("a @ file:///tmp/a.whl", "a comes from a URL"),
        ("./a.whl", "is no requirement"),
        ("/tmp/a.whl", "is no requirement"),
        ("a==${VERSION}", "depends on an environment variable"),
        ("a ; python_version > '${X}'", "depends on an environment variable"),
        ("a==1 \\", "is no requirement"),
        ("a b", "is no requirement"),
        ("a==1; import os", "is no requirement"),
        ("a=1=2=3", "is no requirement"),
        ("a\x00b", "control characters"),
        ("é", "is no requirement"),
        ("a" * 3000, "more than 2000 characters"),
    ],
)
def test_whatever_is_no_package_and_version_is_refused_with_its_line(line: str, says: str) -> None:
    with pytest.raises(Damaged) as caught:
        parse_requirements(f"mlflow\n{line}\n", "model/requirements.txt")
    assert caught.value.message.startswith("model/requirements.txt, line 2: ")
    assert says in caught.value.message
    with pytest.raises(Refused, match=r"^pip_requirements, item 1: "):
        check_requirements([line])


@pytest.mark.parametrize(
    "line",
    ["a; " + "(" * 900, "a" + "[" * 900, "a>=" + "1," * 900, "a" + " " * 900_000 + "b", "a=" + " " * 900_000 + "b",
     "a" * 900_000 + "=", "a; " + "python_version>'3' and " * 80, "a-" * 900, "a=" + "1" * 900_000 + "!"],
)  # fmt: skip
def test_a_hostile_line_is_refused(line: str) -> None:
    """Each is so long, or so deep, that going back and forth in it would not end."""
    with pytest.raises(Damaged):
        parse_requirements(line)
    assert conda_requirements(CondaEnv((line,))).lines == ()
    assert CondaEnv(("python=" + line,)).python is None


@given(st.text(max_size=60) | st.text("a-=.[]@;<>~!#$ {}'\"/:\n", max_size=40))
def test_any_text_is_requirements_or_an_error_of_ours(text: str) -> None:
    try:
        found = parse_requirements(text)
    except GitregError:
        return
    for line in found.lines:
        assert Requirement(line).url is None
        assert not line.startswith("-")
    assert parse_requirements(format_requirements(found.lines)).lines == found.lines


def test_the_environments_of_2020_and_today_are_read_and_written_the_same() -> None:
    old, new = parse_conda_env(CLASSIC), parse_conda_env(TODAY.encode())
    assert old == CondaEnv(
        ("python=3.7.3", "scikit-learn=0.21.3"), ("mlflow", "cloudpickle=1.2.2"), ("defaults",), "mlflow-env"
    )
    assert (old.python, new.python) == ("3.7.3", "3.11.7")
    assert new.dependencies == ("python=3.11.7", "pip<=24.0")
    assert format_conda_env(old) == CLASSIC
    assert format_conda_env(new) == TODAY


@given(environments)
def test_an_environment_is_read_back(env: CondaEnv) -> None:
    assert parse_conda_env(format_conda_env(env)) == env


def test_the_python_of_an_environment() -> None:
    for dependency, version in [
        ("python=3.11.7", "3.11.7"),
        ("python==3.10", "3.10"),
        ("python = 3.9", "3.9"),
        ("python=3.8.5=h7579374_1", "3.8.5"),
        ("python>=3.8", None),
        ("python", None),
        ("pythonx=1", None),
    ]:
        assert CondaEnv((dependency,)).python == version


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[]", "m/conda.yaml is a list, not a mapping"),
        ("name: [a]", "m/conda.yaml: name is a list, not text"),
        ("channels: x", "m/conda.yaml: channels is text, not a list"),
        ("channels: [1]", "m/conda.yaml: channels holds a number where text should stand"),
        ("dependencies: x", "m/conda.yaml: dependencies is text, not a list"),
        ("dependencies: [1]", "an item of dependencies is a number, not a mapping"),
        ("dependencies: [{conda: [a]}]", "dependencies may hold text and one mapping with the key pip"),
        ("dependencies: [{pip: [a]}, {pip: [b]}]", "dependencies may hold text and one mapping"),
        ("dependencies: [{pip: [a], b: c}]", "dependencies may hold text and one mapping"),
        ("dependencies: [{pip: a}]", "m/conda.yaml: dependencies: pip is text, not a list"),
        ("dependencies: [{pip: [1.5]}]", "holds a number where text should stand"),
    ],
)
def test_what_is_no_environment_is_refused_by_name(text: str, says: str) -> None:
    with pytest.raises(Damaged) as caught:
        parse_conda_env(text, "m/conda.yaml")
    assert says in caught.value.message


def test_an_environment_may_come_as_a_dict() -> None:
    given_by_user = {"name": "e", "channels": ["c"], "dependencies": ["python=3.11", "pip", {"pip": ["a==1"]}]}
    assert conda_env_from(given_by_user, "conda_env") == CondaEnv(("python=3.11", "pip"), ("a==1",), ("c",), "e")


def test_what_a_model_of_2020_needs_in_pips_words() -> None:
    found = model_requirements(None, CLASSIC)
    assert found.lines == ("scikit-learn==0.21.3", "mlflow", "cloudpickle==1.2.2")
    assert found.warnings == (
        "conda.yaml, pip item 2: cloudpickle=1.2.2 is not valid for pip and is read as cloudpickle==1.2.2",
    )


def test_requirements_txt_goes_before_conda() -> None:
    assert model_requirements("a==1\n", CLASSIC).lines == ("a==1",)
    assert model_requirements("", CLASSIC).lines == ()
    assert model_requirements(None, None).lines == ()


@pytest.mark.parametrize(
    ("dependency", "line"),
    [
        ("numpy", "numpy"),
        ("numpy=1.21", "numpy==1.21.*"),
        ("numpy=1.21.0", "numpy==1.21.0"),
        ("numpy=1.21.0=py37_0", "numpy==1.21.0"),
        ("numpy==1.21", "numpy==1.21"),
        ("numpy==1.21=py37_0", "numpy==1.21"),
        ("numpy=1.21.*", "numpy==1.21.*"),
        ("numpy >=1.20,<2", "numpy>=1.20,<2"),
        ("conda-forge::numpy=1.21.0", "numpy==1.21.0"),
        ("python=3.7", None),
        ("pip", None),
        ("pip<=24.0", None),
    ],
)
def test_condas_own_dependencies_in_pips_words(dependency: str, line: str | None) -> None:
    found = conda_requirements(CondaEnv((dependency,)))
    assert (found.lines, found.warnings) == (() if line is None else (line,), ())


@given(texts | st.text("a=:.1*[]<> ", max_size=12))
def test_a_dependency_without_a_form_for_pip_is_left_out_with_a_warning(dependency: str) -> None:
    found = conda_requirements(CondaEnv((dependency,)))
    assert len(found.lines) + len(found.warnings) <= 1
    for line in found.lines:
        Requirement(line)
    assert conda_requirements(CondaEnv(("a=1.2|1.3",))).warnings == (
        "conda.yaml: 'a=1.2|1.3' has no form for pip and is left out",
    )


def test_python_env_is_read_and_written_as_mlflow_does() -> None:
    text = "python: 3.11.7\nbuild_dependencies:\n- pip==24.0\n- wheel\ndependencies:\n- -r requirements.txt\n"
    env = PythonEnv("3.11.7", ("pip==24.0", "wheel"), ("-r requirements.txt",))
    assert parse_python_env(text) == env
    assert format_python_env(env) == text
    assert parse_python_env("python: 3.10\nother: 1\n") == PythonEnv("3.10")


@given(st.builds(PythonEnv, st.none() | texts.filter(bool), *[st.lists(texts, max_size=3).map(tuple)] * 2))
def test_a_python_env_is_read_back(env: PythonEnv) -> None:
    assert parse_python_env(format_python_env(env)) == env


def test_what_is_no_python_env_is_refused_by_name() -> None:
    for text, says in [
        ("x", "is text"),
        ("python: [3]", "python is a list"),
        ("dependencies: {}", "dependencies is a"),
    ]:
        with pytest.raises(Damaged, match=says):
            parse_python_env(text)


@given(st.text() | st.binary())
def test_any_input_is_an_environment_or_an_error_of_ours(text: str | bytes) -> None:
    for parse in (parse_conda_env, parse_python_env):
        try:
            parse(text)
        except GitregError as error:
            assert error.message


def test_changes_are_told_by_package() -> None:
    old = ["scikit-learn==1.9.0", "Pandas", "numpy>=1,<2", "gone"]
    new = ["scikit_learn==1.9.1", "pandas", "numpy<2,>=1", "added==1", "mark; python_version<'3'", "mark==2"]
    changes = compare_requirements(old, new)
    assert changes == (
        RequirementChange("added", None, "added==1"),
        RequirementChange("gone", "gone", None),
        RequirementChange("mark", None, "mark; python_version<'3', mark==2"),
        RequirementChange("scikit-learn", "scikit-learn==1.9.0", "scikit_learn==1.9.1"),
    )
    assert [change.what for change in changes] == ["added", "removed", "added", "changed"]


@given(st.lists(requirements, max_size=5), st.randoms())
def test_order_is_no_change(lines: list[str], random: object) -> None:
    shuffled = lines[:]
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert compare_requirements(lines, shuffled) == ()
