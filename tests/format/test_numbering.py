from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gitreg.errors import Conflict, GitregError, Refused
from gitreg.format.compatibility import Change, Promise, compare, needed
from gitreg.format.numbering import next_version
from gitreg.format.semver import BUMPS, Bump, Line, Semver, parse_line, parse_semver
from testing.signatures import FLAVORS, columns, promise

# Each widens the one before: two steps are minor, any step back or over the last is major.
NONE = Promise(None, FLAVORS)
A = promise(columns(a="long"))
AB = promise(columns(a="long", b="string?"))
ABC = promise(columns(a="long", b="string?", c="double?"))
BA = promise(columns(b="string?", a="long"))
Z = promise(columns(z="long"))
BY_NAME = {"none": NONE, "A": A, "AB": AB, "ABC": ABC, "BA": BA, "Z": Z}


class Model:
    """A model's versions, from text such as `v1.0.0=A v1.1.0=AB! v2.0.0=gto`; ! is a retired one."""

    def __init__(self, text: str) -> None:
        self.promises: dict[Semver, Promise] = {}
        self.retired: set[Semver] = set()
        self.foreign: set[Semver] = set()
        self.existing: list[Semver] = []
        self.asked: list[str] = []
        for word in text.split():
            version, _, what = word.removesuffix("!").partition("=")
            semver = parse_semver(version)
            self.existing.append(semver)
            if word.endswith("!"):
                self.retired.add(semver)
            if what == "gto":
                self.foreign.add(semver)
            else:
                self.promises[semver] = BY_NAME[what]

    def promise_of(self, version: Semver) -> Promise:
        self.asked.append(str(version))
        return self.promises[version]

    def next(
        self, candidate: str, bump: Bump | None = None, version: str | None = None, line: str | None = None
    ) -> tuple[str, tuple[Change, ...]]:
        found, changes = next_version(
            BY_NAME[candidate],
            self.existing,
            self.promise_of,
            retired=self.retired,
            foreign=self.foreign,
            bump=bump,
            version=parse_semver(version) if version else None,
            line=parse_line(line) if line else None,
        )
        return str(found), changes


COMPUTED = {
    # nothing yet
    "the first, signed": ("", "A", "v1.0.0", ""),
    "the first, unsigned": ("", "none", "v0.1.0", ""),
    # the bumps
    "nothing changed": ("v1.0.0=A", "A", "v1.0.1", ""),
    "reordered": ("v1.0.0=AB", "BA", "v1.0.1", "patch were reordered"),
    "minor": ("v1.0.0=A", "AB", "v1.1.0", "minor was added as optional"),
    "major": ("v1.3.4=A", "Z", "v2.0.0", "major was renamed to z"),
    # signatures come and go
    "unsigned after unsigned": ("v0.1.0=none", "none", "v0.2.0", "minor is not declared"),
    "signed after unsigned": ("v0.1.0=none v0.2.0=none", "A", "v1.0.0", "major was declared"),
    "signed after a later unsigned": ("v2.1.0=none", "A", "v3.0.0", "major was declared"),
    "unsigned after signed": ("v1.2.0=A", "none", "v2.0.0", "major was dropped"),
    "unsigned after losing it": ("v1.0.0=A v2.0.0=none", "none", "v2.1.0", "minor is not declared"),
    # the highest found against every version of the line
    "compatible with the newest, not with the oldest": ("v1.0.0=A v1.1.0=Z", "Z", "v2.0.0", "major was renamed to z"),
    "minor for the oldest, nothing for the newest": (
        "v1.0.0=A v1.1.0=AB",
        "AB",
        "v1.2.0",
        "minor was added as optional",
    ),
    "earlier lines do not matter": ("v1.0.0=Z v2.0.0=A", "A", "v2.0.1", ""),
    # retired
    "a retired one is not compared": ("v1.0.0=Z! v1.1.0=A", "A", "v1.1.1", ""),
    "a retired one is not reused": ("v1.0.0=A v1.0.1=A!", "A", "v1.0.2", ""),
    "a retired one makes the line": ("v1.0.0=A v2.0.0=A!", "A", "v2.0.1", ""),
    "all retired: the greatest is compared": ("v1.0.0=Z! v1.1.0=A!", "AB", "v1.2.0", "minor was added as optional"),
    # made by GTO alone
    "GTO's counts as unsigned when alone": ("v0.3.0=gto", "none", "v0.4.0", "minor is not declared"),
    "signed after GTO's": ("v1.3.0=gto", "A", "v2.0.0", "major was declared"),
    "GTO's is not compared beside another": ("v1.0.0=A v1.4.0=gto", "A", "v1.4.1", ""),
    "GTO's is not compared beside a retired one": (
        "v1.0.0=A! v1.4.0=gto",
        "AB",
        "v1.5.0",
        "minor was added as optional",
    ),
    "GTO's makes the line": ("v1.0.0=A v3.0.0=gto", "none", "v3.1.0", "minor is not declared"),
    # pre-releases
    "a pre-release is not compared": ("v1.0.0=A v1.0.1-rc.1=Z", "A", "v1.0.1", ""),
    "after a pre-release of it": ("v1.3.0=A v1.4.0-rc.1=A", "AB", "v1.4.0", "minor was added as optional"),
    "a patch after a pre-release": ("v1.3.0=A v1.4.0-rc.1=A", "A", "v1.4.0", ""),
    "minor after a pre-release of a patch": ("v1.3.0=A v1.3.1-rc.1=A", "AB", "v1.4.0", "minor was added as optional"),
    "after a pre-release that was released": ("v1.4.0-rc.1=A v1.4.0=A", "A", "v1.4.1", ""),
    "a pre-release makes no line": ("v1.3.0=A v2.0.0-rc.1=A", "A", "v1.3.1", ""),
    "major after a pre-release of it": ("v1.3.0=A v2.0.0-rc.1=A", "Z", "v2.0.0", "major was renamed to z"),
    "major after a pre-release beyond it": ("v1.3.0=A v2.1.0-rc.1=A", "Z", "v3.0.0", "major was renamed to z"),
    "only pre-releases, signed": ("v1.0.0-rc.1=A v1.0.0-rc.2=A", "A", "v1.0.0", ""),
    "only pre-releases, unsigned": ("v0.1.0-rc.1=none", "none", "v0.1.0", ""),
    "only pre-releases, later": ("v2.0.0-rc.1=A", "A", "v2.0.0", ""),
    "only pre-releases, earlier": ("v0.9.0-rc.1=none", "A", "v1.0.0", ""),
}


@pytest.mark.parametrize("existing, candidate, version, told", list(COMPUTED.values()), ids=list(COMPUTED))
def test_the_next_version(existing: str, candidate: str, version: str, told: str) -> None:
    found, changes = Model(existing).next(candidate)
    assert found == version
    assert "; ".join(f"{change.bump} {change.what}" for change in changes) == told


def test_the_order_of_the_existing_versions_does_not_matter() -> None:
    model = Model("v1.10.0=AB v1.2.0=A v1.9.0=AB")
    assert model.next("ABC")[0] == "v1.11.0"
    assert model.asked == ["v1.10.0", "v1.9.0", "v1.2.0"]


def test_promises_are_asked_for_only_where_they_matter() -> None:
    model = Model("v1.0.0=A v2.0.0=gto v3.0.0=Z! v3.0.1=A v3.1.0=A v3.2.0-rc.1=A")
    assert model.next("Z")[0] == "v4.0.0"
    assert model.asked == ["v3.1.0"]


def test_each_change_is_told_once() -> None:
    _, changes = Model("v1.0.0=A v1.0.1=A v1.1.0=AB").next("ABC")
    assert [(change.name, change.what) for change in changes] == [
        ("c", "was added as optional"),
        ("b", "was added as optional"),
    ]


ASKED: dict[str, tuple[str, str, dict[str, str], str]] = {
    # a larger bump
    "minor for nothing": ("v1.0.0=A", "A", {"bump": "minor"}, "v1.1.0"),
    "major for nothing": ("v1.0.0=A v2.0.0-rc.1=A", "A", {"bump": "major"}, "v2.0.0"),
    "what is needed": ("v1.0.0=A", "AB", {"bump": "minor"}, "v1.1.0"),
    "of the first": ("", "A", {"bump": "patch"}, "v1.0.0"),
    # an older line
    "a patch of v1": ("v1.0.0=A v2.0.0=Z", "A", {"line": "v1"}, "v1.0.1"),
    "a minor of v1": ("v1.0.0=A v1.9.0=AB v2.0.0=Z", "ABC", {"line": "v1"}, "v1.10.0"),
    "a larger bump in v1": ("v1.0.0=A v2.0.0=Z", "A", {"line": "v1", "bump": "minor"}, "v1.1.0"),
    "a patch of v1.0": ("v1.0.0=A v1.1.0=AB", "A", {"line": "v1.0"}, "v1.0.1"),
    "a patch of v1.1": ("v1.0.0=A v1.1.0=AB v1.2.0=ABC", "BA", {"line": "v1.1"}, "v1.1.1"),
    "the line of today": ("v1.0.0=A", "AB", {"line": "v1"}, "v1.1.0"),
    "a line of which all are retired": ("v1.0.0=A! v2.0.0=Z", "AB", {"line": "v1"}, "v1.1.0"),
    "a line with a pre-release": ("v1.0.0=A v1.0.1-rc.1=A v2.0.0=Z", "A", {"line": "v1.0"}, "v1.0.1"),
    "an unsigned line": ("v0.1.0=none v1.0.0=A", "none", {"line": "v0"}, "v0.2.0"),
    # exactly
    "the first of all": ("", "A", {"version": "v3.1.4"}, "v3.1.4"),
    "the first, a pre-release": ("", "none", {"version": "v0.1.0-rc.1"}, "v0.1.0-rc.1"),
    "as computed": ("v1.0.0=A", "AB", {"version": "v1.1.0"}, "v1.1.0"),
    "greater than computed": ("v1.0.0=A", "A", {"version": "v1.7.0"}, "v1.7.0"),
    "a new line": ("v1.0.0=A", "A", {"version": "v5.0.0"}, "v5.0.0"),
    "major": ("v1.0.0=A", "Z", {"version": "v2.0.0"}, "v2.0.0"),
    "a pre-release of what is computed": ("v1.0.0=A", "AB", {"version": "v1.1.0-rc.1"}, "v1.1.0-rc.1"),
    "a pre-release of a patch": ("v1.0.0=A", "A", {"version": "v1.0.1-0"}, "v1.0.1-0"),
    "a pre-release of a major": ("v1.0.0=A", "Z", {"version": "v2.0.0-rc.1"}, "v2.0.0-rc.1"),
    "the next pre-release": ("v1.0.0=A v1.1.0-rc.1=AB", "AB", {"version": "v1.1.0-rc.2"}, "v1.1.0-rc.2"),
    "below a pre-release": ("v1.0.0=A v1.5.0-rc.1=A", "AB", {"version": "v1.1.0"}, "v1.1.0"),
    "a patch in between": ("v1.0.0=A v1.1.0=AB", "A", {"version": "v1.0.4"}, "v1.0.4"),
    "nothing changed since the newest": ("v1.0.0=A v1.1.0=AB", "AB", {"version": "v1.1.1"}, "v1.1.1"),
    "an earlier line that is empty": ("v2.0.0=A", "none", {"version": "v0.1.0"}, "v0.1.0"),
    "in its line": ("v1.0.0=A v2.0.0=Z", "A", {"version": "v1.0.1", "line": "v1"}, "v1.0.1"),
}


@pytest.mark.parametrize("existing, candidate, asked, version", list(ASKED.values()), ids=list(ASKED))
def test_what_may_be_asked_for(existing: str, candidate: str, asked: dict[str, str], version: str) -> None:
    assert Model(existing).next(candidate, **asked)[0] == version  # type: ignore[arg-type]


REFUSED: dict[str, tuple[str, str, dict[str, str], str, str]] = {
    "too small a bump": (
        "v1.0.0=A", "AB", {"bump": "patch"},
        "this is a minor version, not a patch one: inputs b was added as optional", "ask for minor",
    ),
    "a major that is called minor": (
        "v1.0.0=A", "Z", {"bump": "minor"},
        "this is a major version, not a minor one: inputs a was renamed to z", "ask for major",
    ),
    "unsigned and called a patch": (
        "v0.1.0=none", "none", {"bump": "patch"},
        "this is a minor version, not a patch one: signature is not declared", "ask for minor",
    ),
    "too small a bump in a line": (
        "v1.0.0=A v2.0.0=Z", "AB", {"bump": "patch", "line": "v1"},
        "this is a minor version, not a patch one: inputs b was added as optional", "ask for minor",
    ),
    "major in a line": (
        "v1.0.0=A v2.0.0=Z", "Z", {"line": "v1"},
        "a major version cannot be in the line v1: inputs a was renamed to z", "leave out the line",
    ),
    "minor in a minor line": (
        "v1.0.0=A v1.1.0=AB", "AB", {"line": "v1.0"},
        "a minor version cannot be in the line v1.0: inputs b was added as optional",
        "leave out the line, or ask for v1",
    ),
    "a bump to major in a line": (
        "v1.0.0=A", "A", {"line": "v1", "bump": "major"},
        "a major version cannot be in the line v1", "leave out the line",
    ),
    "a line that is not there": (
        "v1.0.0=A v10.0.0=A v2.0.0=A", "A", {"line": "v3"},
        "there is no version in the line v3", "there is v1, v2, v10",
    ),
    "a minor line that is not there": (
        "v1.0.0=A", "A", {"line": "v1.1"}, "there is no version in the line v1.1", "there is v1",
    ),
    "a line of pre-releases": (
        "v1.0.0=A v2.0.0-rc.1=A", "A", {"line": "v2"}, "there is no version in the line v2", "there is v1",
    ),
    "a line of nothing": ("", "A", {"line": "v1"}, "there is no version in the line v1", "there is no version yet"),
    "less than needed": (
        "v1.0.0=A", "AB", {"version": "v1.0.1"},
        "v1.0.1 is less than v1.1.0, the next minor version: inputs b was added as optional",
        "ask for v1.1.0 or greater",
    ),
    "a pre-release of less than needed": (
        "v1.0.0=A", "AB", {"version": "v1.0.1-rc.1"},
        "v1.0.1-rc.1 is less than v1.1.0, the next minor version: inputs b was added as optional",
        "ask for v1.1.0 or greater",
    ),
    "before what there is": (
        "v1.4.0=A", "A", {"version": "v1.3.0"},
        "v1.3.0 is less than v1.4.1, the next patch version", "ask for v1.4.1 or greater",
    ),
    "a pre-release of what there is": (
        "v1.4.0=A", "A", {"version": "v1.4.0-rc.1"},
        "v1.4.0-rc.1 is less than v1.4.1, the next patch version", "ask for v1.4.1 or greater",
    ),
    "major within a line": (
        "v1.0.0=A v2.0.0=Z", "Z", {"version": "v1.9.0"},
        "v1.9.0 cannot be in the line v1: inputs a was renamed to z", "ask for a new major version",
    ),
    "not in the line asked for": (
        "v1.0.0=A", "A", {"version": "v2.0.0", "line": "v1"}, "v2.0.0 is not in the line v1", "leave out the line",
    ),
    "a version and a bump": (
        "v1.0.0=A", "A", {"version": "v2.0.0", "bump": "major"},
        "a version and a bump cannot both be asked for", "leave out one of the two",
    ),
    "after the last": (
        "v999999999.0.0=A", "Z", {}, "there is no major version after v999999999.0.0",
        "a number in a version has at most 9 digits",
    ),
}  # fmt: skip


@pytest.mark.parametrize("existing, candidate, asked, message, hint", list(REFUSED.values()), ids=list(REFUSED))
def test_what_is_refused(existing: str, candidate: str, asked: dict[str, str], message: str, hint: str) -> None:
    with pytest.raises(Refused) as refused:
        Model(existing).next(candidate, **asked)  # type: ignore[arg-type]
    assert (refused.value.message, refused.value.hint) == (message, hint)


@pytest.mark.parametrize("existing", ["v1.0.0=A", "v1.0.0=A!", "v1.0.0=gto", "v1.0.0-rc.1=A"])
def test_a_version_that_exists_is_a_conflict(existing: str) -> None:
    version = existing.partition("=")[0]
    with pytest.raises(Conflict, match=f"^{version} exists\nhint: a version is made once"):
        Model(existing).next("A", version=version)


def test_a_version_that_differs_in_case_only_is_a_conflict() -> None:
    with pytest.raises(Conflict, match=r"^v1\.0\.0-RC\.1 exists\nhint: a version is made once"):
        Model("v1.0.0-rc.1=A").next("A", version="v1.0.0-RC.1")


def test_many_changes_are_not_all_named() -> None:
    wide = promise(columns(**{f"c{n}": "long" for n in range(9)}))
    narrow = promise(columns(other="string"))
    with pytest.raises(Refused) as refused:
        next_version(wide, [Semver(1, 0, 0)], lambda _: narrow, line=Line(1))
    assert refused.value.message == (
        "a major version cannot be in the line v1: inputs c0 was added; inputs c1 was added; inputs c2 was added; "
        "inputs c3 was added; inputs c4 was added; and 4 more"
    )


_versions = st.builds(
    Semver, st.integers(0, 2), st.integers(0, 2), st.integers(0, 2), st.sampled_from([(), (), ("rc", "1")])
)
_asked = st.fixed_dictionaries(
    {},
    optional={
        "bump": st.sampled_from(BUMPS),
        "version": _versions,
        "line": st.sampled_from([Line(0), Line(1), Line(1, 0), Line(1, 1), Line(2)]),
    },
)
_steps: st.SearchStrategy[list[tuple[str, Any, Any]]] = st.lists(
    st.one_of(
        st.tuples(st.just("register"), st.sampled_from(sorted(BY_NAME)), st.just({}) | _asked),
        st.tuples(st.just("retire"), st.integers(0, 9), st.just({})),
        st.tuples(st.just("gto"), _versions, st.just({})),
    ),
    max_size=12,
)


@given(_steps)
def test_a_line_can_be_followed_blindly_whatever_happened_to_the_model(steps: list[tuple[str, Any, Any]]) -> None:
    model = Model("")
    for verb, what, asked in steps:
        if verb == "retire" and model.existing:
            model.retired.add(model.existing[what % len(model.existing)])
        elif verb == "gto" and what not in model.existing:
            model.existing.append(what)
            model.foreign.add(what)
        elif verb == "register":
            _register(model, BY_NAME[what], asked)


def _register(model: Model, candidate: Promise, asked: dict[str, Any]) -> None:
    try:
        found, changes = next_version(
            candidate, model.existing, model.promise_of, retired=model.retired, foreign=model.foreign, **asked
        )
    except GitregError as error:
        assert error.message and error.hint
        return
    assert found not in model.existing
    assert found == asked.get("version", found) and (not found.pre or "version" in asked)
    assert asked.get("line", Line(found.major)).holds(found)
    if "version" not in asked:
        line = asked.get("line", Line(found.major))
        assert all(found > one for one in model.existing if line.holds(one))
        assert all(found.major > one.major for one in model.existing if not one.pre) or needed(changes) != "major"
    for version, promised in model.promises.items():
        if version.pre or version in model.retired or version > found or version.major != found.major:
            continue
        bump = needed(compare(promised, candidate))
        assert bump != "major"
        assert bump == "patch" or version.minor < found.minor
    model.existing.append(found)
    model.promises[found] = candidate
