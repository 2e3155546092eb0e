"""Where pull requests lie in Git: at the origin, in a clone, and what of a clone's own waits for the origin.

refs/gitreg/pulls/<n>/{head,meta}          as the origin has them, or as it was last seen to
refs/gitreg/pulls/draft-<hash>/{head,meta} opened here; the origin has given it no number yet
refs/gitreg/unsent/<n>                     the events of <n>, with own ones behind them that the origin has not
refs/gitreg/origin/pulls/...               what was just fetched, before it was looked at
"""

from __future__ import annotations

import contextlib
import random
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from gitreg.errors import Conflict, Damaged, GitregError, NotFound, Unreachable, warn
from gitreg.forges._chains import Told, by_number, pull_of, read_chains, write_event
from gitreg.format.events import PULLS, pull_refs
from gitreg.format.pulls import PullRequest
from gitreg.stores.git import Locked, RefChange, Repository
from gitreg.stores.git.partial import PartialRepository

UNSENT = "refs/gitreg/unsent/"
PROPOSED = "refs/gitreg/proposed/"
"""Below it are the branches that were proposed without asking the origin."""

_THEIRS = "refs/gitreg/origin/pulls/"
_TRIES = 30


@dataclass(frozen=True)
class Tip:
    """The refs of one pull request: the commit it proposes, its last event, and the last that the origin has."""

    head: str
    meta: str
    sent: str


class PullRefs:
    """The refs of all pull requests of one repository; `remote` is "" where it is itself the authority."""

    def __init__(self, git: Repository, remote: str, offline: bool = False) -> None:
        self.git = git
        self.remote = remote
        self.away = bool(remote) and offline
        self.rewritten: dict[str, Damaged] = {}
        self.given: dict[str, str] = {}  # what became of drafts that were sent
        self._looked = False
        self._own_tips: set[str] = set()  # what this program let wait: other programs of the same clone do that, too

    @property
    def mirror(self) -> bool:
        """Whether the repository is only a copy that may be deleted: nothing can wait in it."""
        return isinstance(self.git, PartialRepository)

    def look(self) -> None:
        """Ask the origin once: bring its pull requests, and send what waited. One that is away is warned of."""
        if self._looked or not self.remote or self.away:
            return
        self._looked = True
        try:
            self.bring()
            self.send()
        except Unreachable as error:
            if self.mirror:
                raise
            self.away = True
            warn(f"{error.message}; the pull requests are as they were seen last")

    def see_origin(self) -> None:
        """Unreachable unless the origin answers."""
        if self.remote and not self.away:
            self._looked = True
            self.bring()
        elif self.remote:
            raise Unreachable("this needs the origin, which is not asked or away", "give the command again online")

    def tips(self) -> dict[str, Tip]:
        """The pull requests that are known here, by number."""
        heads, metas, unsent = dict[str, str](), dict[str, str](), dict[str, str]()
        for ref in self.git.refs(PULLS, *([UNSENT] if self.remote else [])):  # nothing waits at the authority itself
            if ref.name.startswith(UNSENT):
                unsent[ref.name.removeprefix(UNSENT)] = ref.oid
                continue
            number, _, part = ref.name.removeprefix(PULLS).partition("/")
            with contextlib.suppress(Damaged):
                pull_refs(number)
                {"head": heads, "meta": metas}.get(part, {})[number] = ref.oid
        return {
            number: Tip(heads.get(number, ""), unsent.get(number, meta), meta)
            for number, meta in sorted(metas.items(), key=lambda item: by_number(item[0]))
        }

    def tip(self, number: str) -> Tip:
        """One of them. NotFound where there is none; Damaged where the origin's is not the one seen before."""
        pull_refs(number)
        if number in self.rewritten:
            raise self.rewritten[number]
        tip = self.tips().get(number)
        if tip is None:
            raise NotFound(f"no pull request {number}", "gitreg pr list --state all")
        return tip

    def bring(self) -> None:
        """Fetch the origin's pull requests. One whose events are no longer those seen before stays as it was."""
        for last in (False, True):
            extra = ("--filter=tree:0",) if self.mirror else ()
            self.git.fetch(self.remote, [f"+{PULLS}*:{_THEIRS}*"], extra=extra)
            if not self._take(last=last):
                return

    def _take(self, *, last: bool) -> bool:
        """Let what was fetched be what is known; whether something does not go on from what was known."""
        theirs = {ref.name.removeprefix(_THEIRS): ref.oid for ref in self.git.refs(_THEIRS)}
        here = {ref.name.removeprefix(PULLS): ref.oid for ref in self.git.refs(PULLS)}
        changes, odd = [], False
        self.rewritten = {}
        for name, meta in theirs.items():
            number, _, part = name.partition("/")
            if part != "meta" or not number.isdecimal():
                continue
            old, head = here.get(name, ""), theirs.get(f"{number}/head", "")
            if old and old != meta and not self.git.is_ancestor(old, meta):
                odd = True  # or another program here sent something since this was fetched
                if last:
                    self.rewritten[number] = Damaged(
                        f"pull request {number}: its events at the origin are not those that were seen before",
                        f"ask who changed them; git log refs/gitreg/pulls/{number}/meta, then {_THEIRS}{number}/meta",
                    )
                continue
            for part, new in (("head", head), ("meta", meta)):
                if new and here.get(f"{number}/{part}", "") != new:
                    changes.append(RefChange(f"{PULLS}{number}/{part}", new, here.get(f"{number}/{part}", "")))
        if changes:
            with contextlib.suppress(Conflict, Locked):  # another program here brought them, too
                self.git.change_refs(changes)
        return odd

    def change(self, changes: Sequence[RefChange]) -> None:
        """Change refs where they count, all or none of them, and then here. Conflict where one is another one."""
        if self.remote:
            self.git.push(self.remote, changes)
            known = [change for change in changes if change.ref.startswith((PULLS, "refs/tags/"))]
            # git itself brings back tags that it pushed, where the remote is set up to fetch them.
            left = [change for change in known if self.git.find_ref(change.ref) != change.new]
            if left:
                with contextlib.suppress(Conflict, Locked):  # another program here has just brought them
                    self.git.change_refs(left)
        else:
            self.git.change_refs(changes)

    def attempts(self) -> Iterator[None]:
        """Tries, until one is left by `return`: between two of them the origin's refs are brought again."""
        for attempt in range(_TRIES):
            yield
            time.sleep(random.uniform(0, min(2.0, 0.02 * 2**attempt)))
            if self.remote and not self.away:
                self.bring()
        raise Conflict("others keep writing to the pull requests", "give the command again")

    def append(self, number: str, commit_after: Callable[[str], str]) -> None:
        """Add the events that `commit_after` makes behind a commit; what the origin cannot be told waits here."""
        if self.away and self.mirror:
            raise Unreachable("nothing can wait for the origin where the registry is named by its address",
                              "give the command in a clone, or online")  # fmt: skip
        for _ in self.attempts():
            waits = bool(self.remote) and number.isdecimal()
            ref = f"{UNSENT}{number}" if waits else pull_refs(number)[1]
            old = self.git.find_ref(ref) if waits else ""
            tip = self.tip(number)
            if waits and tip.meta not in {old, tip.sent}:
                continue  # another program here has just added something: this goes behind that
            made = commit_after(tip.meta)
            try:
                self.git.change_refs([RefChange(ref, made, old if waits else tip.meta)])
            except (Conflict, Locked):
                continue
            self._own_tips.add(made)
            if self.away and self.remote:
                return warn(f"pull request {number}: this waits here for the origin; gitreg push sends it")
            return self._send_or_keep(number, ref, old) if waits else None

    def _send_or_keep(self, number: str, ref: str, old: str) -> None:
        try:
            self.send_events(number)
        except Unreachable as error:
            if self.mirror:
                self._take_back(ref, old)
                raise
            self.away = True
            warn(f"{error.message}; pull request {number}: this waits here, and gitreg push sends it")
        except GitregError:  # the origin will not have it: nothing is gained by asking again
            self._take_back(ref, old)
            raise

    def _take_back(self, ref: str, old: str) -> None:
        """Let `ref` be what it was, unless another program here has added something: that is not ours to take."""
        now = self.git.find_ref(ref)
        if now in self._own_tips and now != old:
            with contextlib.suppress(Conflict, Locked):
                self.git.change_refs([RefChange(ref, old, now)])

    def send(self) -> list[str]:
        """Send what waited: events, and drafts, which get their numbers; the numbers that were sent or given."""
        tips = self.tips()
        sent = [number for number, tip in tips.items() if tip.meta != tip.sent and self.send_events(number)]
        for number in [number for number in tips if not number.isdecimal()]:
            try:
                given = self.claim(number)
                warn(f"{number} is pull request {given} now")
                self.given[number] = given
                sent.append(given)
            except Unreachable:
                raise
            except GitregError as error:
                warn(f"{number} stays here: {error.message}")
        return sent

    def send_events(self, number: str) -> bool:
        """Send the own events of a pull request, behind those that others sent meanwhile; whether there were any."""
        ref = f"{UNSENT}{number}"
        for _ in self.attempts():
            sent, tip = self.tip(number).sent, self.git.find_ref(ref)
            own = self._own(number, sent, tip)
            if not own:
                self._forget(ref, tip)
                return False
            try:
                if not self.git.is_ancestor(sent, tip):
                    tip = self._behind(number, sent, tip, own)
                self.change([RefChange(pull_refs(number)[1], tip, sent)])
            except (Conflict, Locked):
                continue
            self._forget(ref, tip)
            return True
        return False

    def _forget(self, ref: str, tip: str) -> None:
        """Nothing waits any more, unless another program here has added something to what was sent."""
        if tip:
            with contextlib.suppress(Conflict, Locked):
                self.git.change_refs([RefChange(ref, "", tip)])

    def _own(self, number: str, sent: str, tip: str) -> list[str]:
        if not tip:
            return []
        return self.git.text("rev-list", "--reverse", "--end-of-options", tip, f"^{sent}").split()

    def _behind(self, number: str, sent: str, tip: str, own: Sequence[str]) -> str:
        """The own events once more, behind `sent`; signed again, for a signature covers what came before."""
        chain = read_chains(self.git, {number: tip})[number]
        if isinstance(chain, GitregError):
            raise chain
        end = sent
        for told in chain:
            if told.commit in own:
                end = write_event(self.git, told.event, end, by=told.by, when=told.when)
        self.git.change_refs([RefChange(f"{UNSENT}{number}", end, tip)])
        self._own_tips.add(end)
        return end

    def claim(self, draft: str) -> str:
        """Give a draft the next free number; the number. Conflict where its branch is another one at the origin."""
        for _ in self.attempts():
            tips = self.tips()
            tip, chains = tips[draft], read_chains(self.git, {number: each.meta for number, each in tips.items()})
            own = chains.pop(draft)
            if isinstance(own, GitregError):
                raise own
            given = {n: chain for n, chain in chains.items() if n.isdecimal() and not isinstance(chain, GitregError)}
            before = next((number for number, chain in given.items() if chain[0].commit == own[0].commit), "")
            if before:  # by a program that did not live to tell
                more = all(told.commit != tip.meta for told in given[before])
                return self._become(draft, before, [RefChange(f"{UNSENT}{before}", tip.meta)] if more else [])
            pull = pull_of(draft, own)
            _see_that_nobody_proposes(pull, given)
            number = str(1 + max((int(each) for each in tips if each.isdecimal()), default=0))
            head, meta = pull_refs(number)
            changes = [*self._branch(pull.head, tip.head), RefChange(head, tip.head), RefChange(meta, tip.meta)]
            try:
                self.change(changes)
            except (Conflict, Locked):
                continue
            proposed = f"{PROPOSED}{pull.head}"
            oid = self.git.find_ref(proposed)
            return self._become(draft, number, [RefChange(proposed, "", oid)] if oid else [])
        return draft

    def _become(self, draft: str, number: str, more: Sequence[RefChange]) -> str:
        gone = [RefChange(ref, "", oid) for ref in pull_refs(draft) if (oid := self.git.find_ref(ref))]
        with contextlib.suppress(Conflict, Locked):  # the next one sees that it has its number
            self.git.change_refs([*gone, *more])
        return number

    def _branch(self, branch: str, head: str) -> list[RefChange]:
        """What makes the origin's branch that of a draft."""
        ref = f"refs/heads/{branch}"
        if not self.remote:
            return []
        there = self.git.remote_refs(self.remote, ref).get(ref, "")
        if there == head:
            return []
        if there and there != self.git.find_ref(f"refs/remotes/{self.remote}/{branch}"):
            raise Conflict(f"the branch {branch} is another one at the origin", "gitreg fetch; propose it again")
        return [RefChange(ref, head, there)]


def _see_that_nobody_proposes(pull: PullRequest, others: Mapping[str, Sequence[Told]]) -> None:
    for number, chain in others.items():
        there = pull_of(number, chain)
        if there.state == "open" and (there.head, there.base) == (pull.head, pull.base):
            hint = f"gitreg pr show {number}; gitreg pr close {pull.number}"
            raise Conflict(f"pull request {number} proposes {pull.head} already", hint)
