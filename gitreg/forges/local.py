"""Pull requests kept in Git itself, where no forge is: on a bare repository, in its clones, or in one alone.

An event is a commit, so whoever may push may say anything in anybody's name; only a signature tells whose it is.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from gitreg.errors import Conflict, Damaged, GitregError, NotFound, Refused, Unreachable, warn
from gitreg.forges._chains import (
    Told,
    by_number,
    check_text,
    pull_of,
    read_chains,
    reviews_of,
    with_proposer,
    write_event,
)
from gitreg.forges._pull_refs import PROPOSED, PullRefs
from gitreg.format.events import Event, Kind, pull_refs
from gitreg.format.objects import parse_commit_object
from gitreg.format.pulls import PullRequest, PullState, Review, Status, Verdict, content_of
from gitreg.format.stage_file import parse_stage_file
from gitreg.stores.clock import now
from gitreg.stores.git import RefChange, Repository
from gitreg.stores.git.changes import proposed_files
from gitreg.stores.git.merging import write_merge

_KINDS: dict[Verdict, Kind] = {"approve": "approved", "request-changes": "changes-requested", "comment": "commented"}
_DRAFT = 12  # hex digits of the first event
_WHOLE = ("--depth=2147483647", "--no-filter", "--refetch")
Records = Callable[[str], Sequence[RefChange]]
"""What else a merge publishes, told its commit."""


class LocalForge:
    """The pull requests of one repository; `branch` is its main and `remote` its origin ("" where it has none)."""

    name = "local"
    longest = 200_000
    takes_message = True

    def __init__(self, git: Repository, remote: str, branch: str, *, offline: bool = False) -> None:
        self.git = git
        self.remote = remote
        self.branch = branch
        self.refs = PullRefs(git, remote, offline)

    def whoami(self) -> str:
        return self.git.identity()

    def open(self, head: str, base: str, title: str, body: str) -> PullRequest:
        """As the protocol has it. While the origin is away it is a draft, which gets its number from the next push."""
        self.refs.look()
        if found := self.find(head, base):
            raise Conflict(f"pull request {found.number} proposes {head} already", f"gitreg pr show {found.number}")
        if self.refs.away and self.refs.mirror:
            raise Unreachable("nothing can wait for the origin where the registry is named by its address",
                              "give the command in a clone, or online")  # fmt: skip
        commit = self.branch_commit(head)
        text = check_text(body, self.longest, "the description")
        first = write_event(self.git, Event("opened", title, text, head=commit, branch=head, base=base), "")
        draft = f"draft-{first[:_DRAFT]}"
        names = pull_refs(draft)
        self.git.change_refs([RefChange(names[0], commit), RefChange(names[1], first)])
        if not self.refs.away:
            return self._claim(draft)
        warn(f"{draft} waits here for the origin; gitreg push sends it")
        return self._read(draft)[0]

    def _claim(self, draft: str) -> PullRequest:
        try:
            return self._read(self.refs.claim(draft))[0]
        except GitregError as error:
            if isinstance(error, Unreachable) and not self.refs.mirror:
                self.refs.away = True
                warn(f"{error.message}; {draft} waits here, and gitreg push sends it")
                return self._read(draft)[0]
            self._forget(draft)
            raise

    def _forget(self, draft: str) -> None:
        here = ((ref, self.git.find_ref(ref)) for ref in pull_refs(draft))
        self.git.change_refs([RefChange(ref, "", oid) for ref, oid in here if oid])

    def find(self, head: str, base: str) -> PullRequest | None:
        """As the protocol has it."""
        return next((pull for pull in self.pulls("open") if (pull.head, pull.base) == (head, base)), None)

    def get(self, number: str) -> PullRequest:
        """As the protocol has it. Damaged where its events are no such chain, or not those that were seen before."""
        self.refs.look()
        number = self.refs.given.get(number, number)
        pull, chain = self._read(number)
        tip = self.refs.tip(number)
        if pull.head_commit != tip.head:
            raise Damaged(f"pull request {number}: its head is {tip.head[:12] or 'not there'}, and its events say "
                          f"{pull.head_commit[:12]}", f"ask who moved {pull_refs(number)[0]}")  # fmt: skip
        return with_proposer(self.git, pull, chain)

    def pulls(self, state: PullState | None = "open") -> Sequence[PullRequest]:
        """As the protocol has it; of one that is damaged it is warned."""
        self.refs.look()
        found = []
        chains = read_chains(self.git, {number: tip.meta for number, tip in self.refs.tips().items()})
        for number in sorted(chains, key=by_number, reverse=True):
            chain = self.refs.rewritten.get(number) or chains[number]
            if isinstance(chain, GitregError):
                warn(chain.message)
            elif (pull := pull_of(number, chain)).state == state or state is None:
                found.append(pull)
        return found

    def waiting(self) -> list[str]:
        """The numbers of those that the origin does not have, or of which it has not all that was said here."""
        return [number for number, tip in self.refs.tips().items()
                if self.remote and (not number.isdecimal() or tip.meta != tip.sent)]  # fmt: skip

    def send(self) -> list[str]:
        """Send what waited; the numbers. Unreachable where the origin is away."""
        waited = self.waiting()
        if not waited:
            return []
        self.refs.see_origin()
        return self.refs.send()

    def update(self, number: str, title: str, body: str) -> PullRequest:
        """As the protocol has it. Its head becomes what the branch is at now."""
        self.refs.look()
        for _ in self.refs.attempts():
            pull, _ = self._read(number)
            _see_that_it_is_open(pull)
            if number.isdecimal():
                self._only_online(f"pull request {number} changes at the origin")
            commit = self.branch_commit(pull.head)
            tip = self.refs.tip(number)
            if (pull.title, pull.body, pull.head_commit, tip.head) == (title, body, commit, commit):
                return pull
            text = check_text(body, self.longest, "the description")
            made = write_event(self.git, Event("updated", title, text, head=commit), tip.meta)
            head_ref, meta_ref = pull_refs(number)
            moved = [RefChange(head_ref, commit, tip.head)] if tip.head != commit else []
            try:
                if number.isdecimal():
                    self.refs.change([*moved, RefChange(meta_ref, made, tip.sent)])
                else:
                    self.git.change_refs([*moved, RefChange(meta_ref, made, tip.meta)])
            except Conflict:
                continue
            return self._read(number)[0]
        raise Conflict(f"pull request {number} keeps changing", "give the command again")

    def comment(self, number: str, text: str) -> None:
        """As the protocol has it. While the origin is away it waits here."""
        self.refs.look()
        check_text(text, self.longest, "the comment")
        self._read(number)
        self._append(number, Event("commented", text=text))

    def reviews(self, number: str) -> Sequence[Review]:
        """As the protocol has it; each verdict with the key that signed it."""
        self.refs.look()
        return reviews_of(self.git, self._read(number)[1])

    def review(self, pull: PullRequest, verdict: Verdict, text: str) -> None:
        """As the protocol has it. It is bound to the content of the files that the head changes."""
        self.refs.look()
        check_text(text, self.longest, "the review")
        current, _ = self._read(pull.number)
        _see_that_it_is_open(current)
        if current.head_commit != pull.head_commit:
            raise Conflict(f"pull request {pull.number} has another head now: {current.head_commit[:12]}",
                           f"gitreg pr diff {pull.number}; then say again what you think of it")  # fmt: skip
        files = self.files(current)
        event = Event(_KINDS[verdict], text=text, head=current.head_commit, content=content_of(files),
                      digest=_digest(files))  # fmt: skip
        self._append(pull.number, event)

    def files(self, pull: PullRequest) -> dict[str, bytes | None]:
        """What a pull request makes of each file that it changes; None of one that it deletes."""
        self.bring(pull)
        return proposed_files(self.git, self._main(), pull.head_commit)

    def bring(self, pull: PullRequest) -> None:
        """Bring main up to date, and what the head of a pull request holds."""
        if not self.remote or self.refs.away:
            return
        main = f"refs/heads/{self.branch}"
        if self.refs.mirror:
            self.git.fetch(self.remote, [f"+{main}:{main}", pull_refs(pull.number)[0]], extra=_WHOLE)
        else:
            self.git.fetch(self.remote, [f"+{main}:{self._main()}"])

    def set_status(self, commit: str, status: Status) -> None:
        """Nothing: who wants to know what the checks say asks them, `gitreg check --pr N`."""

    def statuses(self, commit: str) -> Sequence[Status]:
        """None are kept."""
        return ()

    def merge(self, pull: PullRequest, message: str) -> str:
        """As the protocol has it. Nothing is judged here."""
        self._only_online("merging")
        self.bring(pull)
        return self.merge_onto(self.git.find_ref(self._main()), pull, message, lambda commit: ())

    def merge_onto(
        self, main: str, pull: PullRequest, message: str, records: Records, emergency: str = "", said: str = ""
    ) -> str:
        """Merge into main, if that is still at the commit `main`; the merge's commit.

        Main, the records and the event go to the origin all or none. Conflict where main, the head or the events
        changed meanwhile (since the one `said`, the last that was looked at). Where there is no origin main goes
        forward here.
        """
        self._only_online("merging")
        current, chain = self._read(pull.number)
        _see_that_it_is_open(current)
        if said and chain[-1].commit != said:
            raise Conflict(f"something was just said of pull request {pull.number}", f"gitreg pr show {pull.number}")
        if current.head_commit != pull.head_commit:
            raise Conflict(f"pull request {pull.number} has another head now", f"gitreg pr show {pull.number}")
        by = self.git.identity()
        before = parse_commit_object(self.git.content(main, "main"), "main")
        when = max(int(now().timestamp()), before.when)
        commit = write_merge(self.git, main, pull.head_commit, message, by, when)
        # Main comes first: a host without atomic pushes then never has a record of what did not happen.
        forward = [RefChange(f"refs/heads/{self.branch}", commit, main), *records(commit)]
        self._end(current, commit, forward, emergency)
        return commit

    def note_merge(self, pull: PullRequest, commit: str, records: Sequence[RefChange]) -> None:
        """Tell that `pull` was merged by `commit`, which main has already, and publish what is missing of it."""
        self._only_online("merging")
        current, _ = self._read(pull.number)
        _see_that_it_is_open(current)
        self._end(current, commit, records)

    def _end(self, pull: PullRequest, commit: str, changes: Sequence[RefChange], emergency: str = "") -> None:
        tip = self.refs.tip(pull.number)
        told = Event("merged", head=pull.head_commit, merged=commit, emergency=emergency)
        event = write_event(self.git, told, tip.meta)
        changes = [*changes, RefChange(pull_refs(pull.number)[1], event, tip.sent)]
        gone = self._spent_branch(pull)
        try:
            self.refs.change([*changes, *gone])
        except (Conflict, Refused, Unreachable):
            raise
        except GitregError:
            if not gone:
                raise
            self.refs.change(changes)  # a server that lets nobody delete branches

    def _spent_branch(self, pull: PullRequest) -> list[RefChange]:
        ref = f"refs/heads/{pull.head}"
        if not pull.head.startswith("promote/"):
            return []
        at = self.git.remote_refs(self.remote, ref).get(ref, "") if self.remote else self.git.find_ref(ref)
        here = not self.remote and self.git.symbolic_ref("HEAD") == ref
        return [RefChange(ref, "", at)] if at == pull.head_commit and not here else []

    def close(self, number: str) -> None:
        """As the protocol has it. While the origin is away that waits here."""
        self.refs.look()
        pull, _ = self._read(number)
        _see_that_it_is_open(pull)
        self._append(number, Event("closed"))

    def _append(self, number: str, event: Event) -> None:
        self.refs.append(number, lambda tip: write_event(self.git, event, tip))

    def _read(self, number: str) -> tuple[PullRequest, tuple[Told, ...]]:
        tip = self.refs.tip(number)
        tips = {other: each.meta for other, each in self.refs.tips().items()} | {number: tip.meta}
        chain = read_chains(self.git, tips)[number]
        if isinstance(chain, GitregError):
            raise chain
        return pull_of(number, chain), chain

    def _main(self) -> str:
        ours = self.refs.mirror or not self.remote
        return f"refs/heads/{self.branch}" if ours else f"refs/remotes/{self.remote}/{self.branch}"

    def branch_commit(self, branch: str) -> str:
        """The commit that a branch is at, where it counts; its objects are here then. NotFound without it."""
        ref = f"refs/heads/{branch}"
        if not self.remote or self.refs.away:
            names = (PROPOSED + branch, ref, f"refs/remotes/{self.remote}/{branch}") if self.remote else (ref,)
            here = {each.name: each.oid for each in self.git.refs(*names)}  # and no expression that leads to a commit
            found = next((here[name] for name in names if name in here), "")
        else:
            found = self.git.remote_refs(self.remote, ref).get(ref, "")
            if found:
                mark = f"refs/gitreg/origin/heads/{branch}"
                extra = ("--filter=tree:0",) if self.refs.mirror else ()
                self.git.fetch(self.remote, [f"+{ref}:{mark}"], extra=extra)
                found = self.git.find_ref(mark)
        if not found:
            where = self.git.address(self.remote) if self.remote else "the repository"
            hint = f"git push {self.remote} {branch}" if self.remote and self.git.find_ref(ref) else "name a branch"
            raise NotFound(f"{where} has no branch {branch}", hint)
        return found

    def _only_online(self, what: str) -> None:
        if self.remote and self.refs.away:
            raise Unreachable(f"{what}: that needs the origin, which is away or not asked", "give it again online")
        if self.remote:
            self.refs.see_origin()


def _see_that_it_is_open(pull: PullRequest) -> None:
    if pull.state != "open":
        raise Conflict(f"pull request {pull.number} is {pull.state} already", f"gitreg pr show {pull.number}")


def _digest(files: dict[str, bytes | None]) -> str:
    """The digest of the model that the one stage file among `files` names, or ""."""
    staged = [(path, text) for path, text in files.items() if path.startswith("stages/") and text is not None]
    if len(staged) != 1:
        return ""
    try:
        return parse_stage_file(staged[0][1] or b"", staged[0][0]).digest
    except GitregError:
        return ""
