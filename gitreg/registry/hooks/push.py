"""A push as the hook of a server sees it: which refs shall become what, and what is wrong with that.

On the way of every push: see gitreg/stores/incoming.py for what is not imported here.
"""

from __future__ import annotations

import os
import re

from gitreg.stores.incoming import NONE, Incoming

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

TAGS, HEADS, PULLS, NOTES = "refs/tags/", "refs/heads/", "refs/gitreg/pulls/", "refs/notes/gitreg"
OWN = ("refs/gitreg/", "refs/notes/", "refs/replace/")
"""Where the refs lie that are neither branches nor tags, and yet tell something."""

CONFIG = "gitreg.yaml"
_DEFAULT_LIMIT = 1 << 20
_LIMIT = re.compile(
    rb"^limits:[ \t]*\n(?:(?:[ \t]+(?!file:).*|[ \t]*#.*)?\n)*[ \t]+file:[ \t]*([0-9A-Za-z ]+?)[ \t]*$", re.M
)
_MANY = 60  # names, beyond which all tags are listed


class Update:
    """`ref` shall go from `old` to `new`; "" where it is not there."""

    __slots__ = ("new", "old", "ref")

    def __init__(self, old: str, new: str, ref: str) -> None:
        self.old = "" if old == NONE else old
        self.new = "" if new == NONE else new
        self.ref = ref


class Wrong:
    """One reason to refuse: about which ref, and what to do. `late`: another push came before this one."""

    __slots__ = ("hint", "late", "text", "thing")

    def __init__(self, thing: str, text: str, hint: str = "", *, late: bool = False) -> None:
        self.thing, self.text, self.hint, self.late = thing, text, hint, late


class Push:
    """What is pushed: `updates` of refs, what they bring, and how this repository is set.

    `branch` is the registry's, `refs` are those of the repository that the rules look at, as far as they were listed.
    """

    def __init__(self, lines: Sequence[str], incoming: Incoming) -> None:
        self.incoming = incoming
        found = [Update(*line.split(" ", 2)) for line in lines if line.count(" ") >= 2]
        self.updates = [update for update in found if update.old != update.new]
        self.becomes = {update.ref: update.new for update in self.updates}
        self.problems: list[Wrong] = []
        self.refs: dict[str, str] = {}
        self._settings = incoming.start("config", "--get-regexp", r"^gitreg\.")
        self.settings: dict[str, str] = {}
        self.branch = ""

    @property
    def main(self) -> str:
        """The full ref of the registry's branch."""
        return HEADS + self.branch

    def after(self, ref: str) -> str:
        """The object that a ref, if it was listed, will be at if the push is taken, or ""."""
        return self.becomes[ref] if ref in self.becomes else self.refs.get(ref, "")

    def wrong(self, ref: str, text: str, hint: str = "", *, late: bool = False) -> None:
        """Note a reason to refuse the push."""
        thing = ref.split("/", 2)[-1] if ref.startswith((TAGS, HEADS)) else ref
        self.problems.append(Wrong(thing, text, hint, late=late))

    def read_settings(self) -> None:
        """Read how the repository is set, and which branch is the registry's."""
        lines = self._settings.out(1).decode("utf-8", "replace").splitlines()
        self.settings = dict(line.partition(" ")[::2] for line in lines)
        with open(os.path.join(self.incoming.git_dir, "HEAD"), encoding="utf-8") as head:
            default = head.read().strip().removeprefix("ref: refs/heads/")
        self.branch = self.settings.get("gitreg.branch") or default

    @property
    def deletes(self) -> bool:
        """Whether whoever keeps the server allows to purge versions and to sweep runs."""
        return self.settings.get("gitreg.allowdeletes", "").lower() in {"true", "yes", "on", "1"}

    @property
    def _led(self) -> list[str]:
        """What is pushed of the refs by which others are judged."""
        return [each.ref for each in self.updates if each.ref == self.main or each.ref.startswith(OWN)]

    def late(self) -> bool:
        """Whether main, a pull request or notes are not where whoever pushes says that they are.

        Git asks only afterwards, ref by ref: what was judged by such a claim would be taken without what it rests on.
        """
        led = set(self._led)
        for each in self.updates:
            if each.ref in led and self.refs.get(each.ref, "") != each.old:
                self.wrong(each.ref, "it has become another one", "fetch, and do it again", late=True)
        return bool(self.problems)

    def list_refs(self, names: Iterable[str]) -> None:
        """List main, what is pushed of pull requests and notes, and the tags that match any of `names`.

        Those are globs, whatever their case.
        """
        patterns = sorted(set(names))
        asked = [TAGS + name for name in patterns] if len(patterns) <= _MANY else [TAGS]
        asked = [self.main, *self._led, *asked]
        argv = ["for-each-ref", "--ignore-case", "--format=%(objectname) %(refname)", "--", *asked]
        for line in self.incoming.start(*argv).out().decode("utf-8", "replace").splitlines():
            self.refs[line[41:]] = line[:40]

    @property
    def limit(self) -> int:
        """The bytes that a file in Git may have, as the registry's branch says before the push."""
        kind, content = self.incoming.content(f"{self.main}:{CONFIG}")
        if kind != "blob" or b"limits" not in content:
            return _DEFAULT_LIMIT
        if (found := _LIMIT.search(content)) and found[1].replace(b" ", b"").lower() == b"1mib":
            return _DEFAULT_LIMIT
        from gitreg.errors import GitregError
        from gitreg.format.config import parse_config

        try:
            return parse_config(content).git_limit
        except GitregError:
            return _DEFAULT_LIMIT  # it is mended by a push to main, which would else be refused

    def places(self, oids: Iterable[str]) -> dict[str, tuple[str, str]]:
        """The ref and the path by which objects that came are reached; of notes, and what no ref reaches, nothing."""
        wanted, found = set(oids), dict[str, tuple[str, str]]()
        for update in self.updates:
            if update.new and not update.ref.startswith("refs/notes/") and wanted - found.keys():
                listed = self.incoming.start("rev-list", "--objects", update.new, "--not", "--all").out()
                for line in listed.decode("utf-8", "surrogateescape").splitlines():
                    if line[:40] in wanted:
                        found.setdefault(line[:40], (update.ref, line[41:]))
        return found
