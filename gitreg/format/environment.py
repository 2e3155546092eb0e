"""What a model needs to run: requirements.txt, conda.yaml and python_env.yaml as MLflow Models have them.

A requirement is taken only as pip's own parser of requirement specifiers takes it: a line of requirements.txt may
otherwise name another package index, a URL, a file or an environment variable, and this one comes from a stranger.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal

from gitreg.errors import Damaged, GitregError, Refused
from gitreg.format.yamltext import as_mapping, as_strings, format_yaml, kind, load_mapping

REQUIREMENTS = "requirements.txt"
CONDA = "conda.yaml"
PYTHON_ENV = "python_env.yaml"

_SINGLE_EQUALS = re.compile(r"([A-Za-z0-9._-]+(?:\[[A-Za-z0-9._, -]*\])?)\s*=\s*([^=\s][^\s]*)")
_CONDA_SPEC = re.compile(r"(?:[^\s:\[\]]+::)?([A-Za-z0-9._-]+)\s*([=<>!~].*)?")
_CONDA_EQUALS = re.compile(r"=\s*([0-9][0-9A-Za-z.!+_]*?)(\.?\*)?(?:=[A-Za-z0-9_*]+)?")
_NOT_PIP = frozenset({"python", "pip"})
_LONGEST_LINE = 2000


@dataclass(frozen=True)
class Requirements:
    """Requirement specifiers in the order they stand; `warnings` tell what was read in spite of its spelling."""

    lines: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()


def parse_requirements(text: str, what: str = REQUIREMENTS) -> Requirements:
    """The requirements in `text`; comments and empty lines are left out.

    Damaged, naming `what` and the line, for options, URLs, paths, variables and whatever else is no specifier.
    """
    return _read(enumerate(text.split("\n"), 1), f"{what}, line ")


def check_requirements(lines: Iterable[str], what: str = "pip_requirements") -> Requirements:
    """As `parse_requirements`, for requirements that a program hands over; Refused where one is no specifier."""
    try:
        return _read(enumerate(lines, 1), f"{what}, item ")
    except Damaged as error:
        raise Refused(error.message, error.hint) from None


def format_requirements(lines: Iterable[str]) -> str:
    """The text of requirements.txt: one a line."""
    return "".join(f"{line}\n" for line in lines)


def _read(numbered: Iterable[tuple[int, str]], where: str) -> Requirements:
    found: list[str] = []
    warnings: list[str] = []
    for number, raw in numbered:
        line = re.split(r"(?:^|\s)#", raw, maxsplit=1)[0].strip()
        if not line:
            continue
        single = _SINGLE_EQUALS.fullmatch(line)
        if single:
            wrong, line = line, f"{single[1]}=={single[2]}"
            warnings.append(f"{where}{number}: {wrong} is not valid for pip and is read as {line}")
        check_requirement(line, f"{where}{number}")
        found.append(line)
    return Requirements(tuple(found), tuple(warnings))


def check_requirement(line: str, where: str) -> str:
    """`line`, if it is a requirement specifier without a URL; otherwise Damaged, beginning with `where`."""
    from packaging.requirements import InvalidRequirement, Requirement

    hint = "name packages and versions only, as in scikit-learn==1.5.2"
    if line.startswith("-"):
        raise Damaged(f"{where}: the option {line.split()[0][:60]} is not accepted", hint)
    if "${" in line:
        raise Damaged(f"{where}: {line[:100]!r} depends on an environment variable", hint)
    if len(line) > _LONGEST_LINE or not line.isprintable():
        raise Damaged(f"{where}: more than {_LONGEST_LINE} characters, or control characters", hint)
    try:
        requirement = Requirement(line)
    except (InvalidRequirement, RecursionError):
        raise Damaged(f"{where}: {line[:100]!r} is no requirement", hint) from None
    if requirement.url is not None:
        raise Damaged(f"{where}: {requirement.name} comes from a URL", hint)
    return line


@dataclass(frozen=True)
class CondaEnv:
    """conda.yaml: `dependencies` are conda's own, in order (`python=3.11.7`, `pip<=24`); `pip` is the list under pip.

    `pip` is None where there is no such list. `extra` keeps keys that are not known here.
    """

    dependencies: tuple[str, ...] = ()
    pip: tuple[str, ...] | None = None
    channels: tuple[str, ...] = ()
    name: str | None = None
    extra: Mapping[str, object] = field(default_factory=dict)

    @property
    def python(self) -> str | None:
        """The version that `python=...` pins, None without one."""
        for dependency in self.dependencies:
            found = re.fullmatch(r"python\s*={1,2}\s*([0-9][0-9.]*)(?:=.*)?", dependency)
            if found:
                return found[1]
        return None


def parse_conda_env(text: str | bytes, what: str = CONDA) -> CondaEnv:
    """The environment in `text`; Damaged, naming `what`, where it has another form."""
    return conda_env_from(load_mapping(text, what), what)


def conda_env_from(value: Mapping[str, object], what: str = CONDA) -> CondaEnv:
    """The environment that a mapping (conda.yaml, once read) holds; Damaged where it has another form."""
    known = dict(value)
    name = known.pop("name", None)
    if name is not None and not isinstance(name, str):
        raise Damaged(f"{what}: name is {kind(name)}, not text")
    channels = as_strings(_list(known.pop("channels", None)), f"{what}: channels")
    dependencies: list[str] = []
    pip: tuple[str, ...] | None = None
    items = _list(known.pop("dependencies", None))
    if not isinstance(items, list):
        raise Damaged(f"{what}: dependencies is {kind(items)}, not a list")
    for item in items:
        if isinstance(item, str):
            dependencies.append(item)
            continue
        under = as_mapping(item, f"{what}: an item of dependencies")
        if list(under) != ["pip"] or pip is not None:
            raise Damaged(f"{what}: dependencies may hold text and one mapping with the key pip")
        pip = as_strings(_list(under["pip"]), f"{what}: dependencies: pip")
    return CondaEnv(tuple(dependencies), pip, channels, name, known)


def _list(value: object) -> object:
    return [] if value is None else list(value) if isinstance(value, tuple) else value


def format_conda_env(env: CondaEnv, what: str = CONDA) -> str:
    """The text of `env` as MLflow writes it: sorted keys, the list under pip last."""
    dependencies: list[object] = list(env.dependencies)
    if env.pip is not None:
        dependencies.append({"pip": list(env.pip)})
    value: dict[str, object] = {**env.extra, "dependencies": dependencies}
    if env.channels:
        value["channels"] = list(env.channels)
    if env.name is not None:
        value["name"] = env.name
    return format_yaml(value, what)


def conda_requirements(env: CondaEnv, what: str = CONDA) -> Requirements:
    """What `env` needs in pip's words: conda's own dependencies but python and pip first, then the list under pip.

    conda's `name=1.2.3` is `name==1.2.3`; its `name=1.2`, which takes every 1.2 release, is `name==1.2.*`.
    What has no such form is left out with a warning.
    """
    found: list[str] = []
    warnings: list[str] = []
    for dependency in env.dependencies:
        spec = _CONDA_SPEC.fullmatch(dependency.strip()) if len(dependency) <= _LONGEST_LINE else None
        if spec and spec[1].lower() in _NOT_PIP:
            continue
        line = spec and spec[1] + _pip_versions(spec[2] or "")
        try:
            found.append(check_requirement(line or "", what))
        except GitregError:
            warnings.append(f"{what}: {dependency[:100]!r} has no form for pip and is left out")
    under_pip = _read(enumerate(env.pip or (), 1), f"{what}, pip item ")
    return Requirements((*found, *under_pip.lines), (*warnings, *under_pip.warnings))


def _pip_versions(spec: str) -> str:
    fuzzy = _CONDA_EQUALS.fullmatch(spec)
    if fuzzy:
        version, star = fuzzy[1], fuzzy[2]
        exact = not star and version.count(".") >= 2
        return f"=={version}" if exact else f"=={version}.*"
    exact_build = re.fullmatch(r"==\s*([^=\s]+)=[A-Za-z0-9_*]+", spec)
    return f"=={exact_build[1]}" if exact_build else spec


def model_requirements(requirements: str | None, conda: str | bytes | None) -> Requirements:
    """What a model needs, from the texts of its requirements.txt or, where that is None, its conda.yaml."""
    if requirements is not None:
        return parse_requirements(requirements)
    return conda_requirements(parse_conda_env(conda)) if conda is not None else Requirements()


@dataclass(frozen=True)
class PythonEnv:
    """python_env.yaml: the interpreter's version, what is installed first, and then."""

    python: str | None = None
    build_dependencies: tuple[str, ...] = ()
    dependencies: tuple[str, ...] = ()


def parse_python_env(text: str | bytes, what: str = PYTHON_ENV) -> PythonEnv:
    """The environment in `text`; Damaged, naming `what`, where it has another form. Unknown keys are left out."""
    value = load_mapping(text, what, strings=("python",))
    python = value.get("python")
    if python is not None and not isinstance(python, str):
        raise Damaged(f"{what}: python is {kind(python)}, not a version")
    build = as_strings(_list(value.get("build_dependencies")), f"{what}: build_dependencies")
    return PythonEnv(python, build, as_strings(_list(value.get("dependencies")), f"{what}: dependencies"))


def format_python_env(env: PythonEnv, what: str = PYTHON_ENV) -> str:
    """The text of `env` as MLflow writes it: python first, nothing that is empty."""
    value = {
        "python": env.python,
        "build_dependencies": list(env.build_dependencies),
        "dependencies": list(env.dependencies),
    }
    return format_yaml({key: item for key, item in value.items() if item}, what, sort_keys=False)


@dataclass(frozen=True)
class RequirementChange:
    """What became of one package: `old` or `new` is None where it was added or removed. `name` is normalised."""

    name: str
    old: str | None
    new: str | None

    @property
    def what(self) -> Literal["added", "removed", "changed"]:
        """One word for it."""
        return "added" if self.old is None else "removed" if self.new is None else "changed"


def compare_requirements(old: Iterable[str], new: Iterable[str]) -> tuple[RequirementChange, ...]:
    """The packages whose requirement differs, sorted by name. Spelling and order make no difference."""
    before, after = _by_name(old), _by_name(new)
    changes = []
    for name in sorted(before.keys() | after.keys()):
        was, becomes = before.get(name, {}), after.get(name, {})
        if was.keys() != becomes.keys():
            old_line, new_line = ", ".join(was.values()), ", ".join(becomes.values())
            changes.append(RequirementChange(name, old_line or None, new_line or None))
    return tuple(changes)


def _by_name(lines: Iterable[str]) -> dict[str, dict[str, str]]:
    from packaging.requirements import Requirement
    from packaging.utils import canonicalize_name

    found: dict[str, dict[str, str]] = {}
    for line in lines:
        requirement = Requirement(check_requirement(line, "requirement"))
        name = canonicalize_name(requirement.name)
        requirement.name = name
        found.setdefault(name, {})[str(requirement)] = line
    return found
