"""The rules for tags: gitreg's are made once, and what each of them says is right (docs/format.md 1.2 to 1.4)."""

from __future__ import annotations

from gitreg.errors import GitregError
from gitreg.format.names import check_run_id
from gitreg.format.objects import TagObject, parse_tag_object
from gitreg.format.runs import check_format
from gitreg.format.tags import NumberTag, RecordTag, RetireTag, RunTag, TagName, VersionTag, parse_tag_name, version_ref
from gitreg.format.trailers import parse_trailers
from gitreg.registry.hooks.push import TAGS, Push, Update
from gitreg.registry.hooks.stages import runs_version

_ONCE = "a tag is made once: log another run, or register another version"
_ALLOW = "git config gitreg.allowDeletes true on the server, for as long as it takes"


def names_of(updates: list[Update]) -> dict[str, TagName]:
    """The refs among `updates` that are tags of gitreg's, or look like them, and what each stands for."""
    found = ((each.ref, parse_tag_name(each.ref.removeprefix(TAGS))) for each in updates if each.ref.startswith(TAGS))
    return {ref: name for ref, name in found if name is not None}


def globs(names: dict[str, TagName]) -> set[str]:
    """What to list beside tags to judge them: their models' others, and names that differ in case only."""
    found = set()
    for name in names.values():
        found |= {f"run/{name.run_id}"} if isinstance(name, RunTag) else {f"{name.model}@*", f"{name.model}#*"}
    return found


def check(push: Push, names: dict[str, TagName]) -> None:
    """Judge every tag of gitreg's that is pushed; the refs that `globs` tells were listed."""
    made: list[tuple[Update, TagName]] = []
    spelled = _Spelled(push)
    for update in push.updates:
        if (name := names.get(update.ref)) is None:
            continue
        if not update.new:
            _deleted(push, update, name)
        elif update.old:
            _moved(push, update, name)
        elif (there := push.refs.get(update.ref)) is not None:
            if there != update.new:
                push.wrong(update.ref, "another one was made a moment ago", "fetch, and do it again", late=True)
        elif spelled.fits(update, name):
            made.append((update, name))
    push.incoming.read(update.new for update, _ in made)
    versions = [(update, name) for update, name in made if isinstance(name, VersionTag | NumberTag)]
    if versions:
        from gitreg.registry.hooks.versions import check_versions

        check_versions(push, versions)
    records: list[tuple[Update, RecordTag, bool]] = []
    for update, name in made:
        match name:
            case RunTag():
                _run(push, update, name)
            case RetireTag():
                _retired(push, update, name)
            case RecordTag() if (told := _record(push, update, name)) is not None:
                records.append((update, name, told))
            case _:
                pass
    if records and push.refs.get(push.main):  # a registry that moves here brings those of its forge
        from gitreg.registry.hooks.records import check_records

        check_records(push, records)


def _deleted(push: Push, update: Update, name: TagName) -> None:
    kind, content = push.incoming.content(update.old)
    own = kind == "tag" and b"\nGitreg-Format: " in content
    if isinstance(name, NumberTag) or (isinstance(name, VersionTag) and own):
        push.wrong(
            update.ref, "a version is never deleted: its number would be given again", "gitreg purge MODEL@VERSION"
        )
    elif not push.deletes:
        push.wrong(update.ref, "this registry keeps its tags", _ALLOW)


def _moved(push: Push, update: Update, name: TagName) -> None:
    kind, content = push.incoming.content(update.new)
    if kind != "tag" or b"\nGitreg-Replaces: " not in content:
        push.wrong(update.ref, "a tag never moves, and the server has another one of this name", _ONCE)
    elif not push.deletes:
        push.wrong(update.ref, "this registry lets nobody purge a version", _ALLOW)
    else:
        from gitreg.registry.hooks.view import view
        from gitreg.registry.tombstones import is_tombstone_of

        with view(push) as git:
            if not is_tombstone_of(git, update.ref, update.old, update.new):
                push.wrong(update.ref, "it would become the tombstone of something else", "gitreg purge writes them")


class _Spelled:
    """The names that are taken, whatever their case."""

    def __init__(self, push: Push) -> None:
        self.push = push
        self.refs: dict[str, str] = {}
        self.models: dict[str, str] = {}
        for ref in push.refs:
            self._add(ref)

    def _add(self, ref: str) -> None:
        self.refs.setdefault(ref.casefold(), ref)
        model, at, _ = ref.removeprefix(TAGS).partition("@")
        if at:
            self.models.setdefault(model.casefold(), model)

    def fits(self, update: Update, name: TagName) -> bool:
        other = self.refs.get(update.ref.casefold(), update.ref).removeprefix(TAGS)
        model = getattr(name, "model", "")
        first = self.models.get(model.casefold(), model)
        if first != model:
            text, hint = f"there is a model {first}, which differs from {model} in case only", f"register it as {first}"
            self.push.wrong(update.ref, text, hint)
        elif TAGS + other != update.ref:
            self.push.wrong(
                update.ref, f"there is a tag {other}, which differs from it in case only", "choose another name"
            )
        else:
            self._add(update.ref)
            return True
        return False


def _annotated(push: Push, update: Update) -> TagObject | None:
    """The tag object, if it is one whose own name is the ref's."""
    short = update.ref.removeprefix(TAGS)
    kind, content = push.incoming.content(update.new)
    if kind != "tag":
        push.wrong(update.ref, "it is no annotated tag, and tells nothing", "gitreg makes them; git tag -d it")
        return None
    tag = parse_tag_object(content, short)
    if tag.name != short:
        push.wrong(update.ref, f"the name inside is {tag.name!r}: it is another tag under this name", "git tag -d it")
    elif tag.kind != "commit":
        push.wrong(update.ref, f"it points at a {tag.kind}, not at a commit", "git tag -d it")
    else:
        return tag
    return None


def _run(push: Push, update: Update, name: RunTag) -> None:
    kind, content = push.incoming.content(update.new)
    again = f"log it again; git tag -d run/{name.run_id}"
    if kind != "commit":
        push.wrong(update.ref, f"a run is a commit, and this is a {kind}", again)
        return
    head, _, message = content.decode("utf-8", "replace").partition("\n\n")
    tree = push.incoming.tree_of(update.new)
    try:
        trailers = parse_trailers(message) or {}
        check_format(trailers.get("Gitreg-Format", ""), f"run {name.run_id}")
        if check_run_id(trailers.get("Gitreg-Run", "")) != name.run_id:
            push.wrong(update.ref, f"its commit is the run {trailers['Gitreg-Run']}", again)
    except GitregError as error:
        push.wrong(update.ref, error.message, error.hint or again)
    if "\nparent " in head:
        push.wrong(update.ref, "a run's commit has no parent, and this one has", again)
    for file in (".gitreg/run.json", ".gitreg/SHA256SUMS"):
        if not push.incoming.at(tree, file):
            push.wrong(update.ref, f"it has no {file}", again)


def _retired(push: Push, update: Update, name: RetireTag) -> None:
    tag = _annotated(push, update)
    if tag is None:
        return
    ref = version_ref(name.model, name.version)
    short, version = ref.removeprefix(TAGS), push.after(ref)
    kind, content = push.incoming.content(version) if version else ("missing", b"")
    if not version:
        push.wrong(update.ref, f"it retires {short}, which is not there", "git fetch --tags; gitreg fsck")
        return
    held = parse_tag_object(content, short).target if kind == "tag" else version
    if tag.target != held:
        push.wrong(
            update.ref, f"it is on the commit {tag.target[:12]}, and {short} on {held[:12]}", "gitreg retire makes it"
        )
    try:
        trailers = parse_trailers(tag.message) or {}
        if "Gitreg-Format" in trailers:  # the others are GTO's
            check_format(trailers["Gitreg-Format"], f"the tag {tag.name}")
            if "Gitreg-Retired" not in trailers:
                push.wrong(update.ref, "it has no trailer Gitreg-Retired", "gitreg retire makes it")
    except GitregError as error:
        push.wrong(update.ref, error.message, error.hint)
    for stage in runs_version(push, name.model, short.partition("@")[2]):
        push.wrong(update.ref, f"{stage} runs {short}", f"let {stage} run another version first, by a pull request")


def _record(push: Push, update: Update, name: RecordTag) -> bool | None:
    """Whether it tells more than its name, as those of GTO do not; None where it is wrong."""
    tag = _annotated(push, update)
    if tag is None:
        return None
    from gitreg.format.record import parse_record

    try:
        return bool(parse_record(tag.message, name).merge) or "\nGitreg-" in tag.message
    except GitregError as error:
        push.wrong(update.ref, error.message, error.hint)
        return None
