"""A repository and its origin: everything here goes there, or what is there comes here."""

from __future__ import annotations

from gitreg.errors import NotFound
from gitreg.format.objects import parse_tag_object
from gitreg.format.tags import NumberTag, RunTag, TagName
from gitreg.format.tombstones import parse_tombstone
from gitreg.registry.catalog import parse_runs
from gitreg.registry.files import read_run_payloads
from gitreg.registry.notes import NOTES
from gitreg.registry.place import Registry
from gitreg.registry.start.origin import TAGS, Origin, registry_tags
from gitreg.stores.git import RefChange, Repository
from gitreg.stores.payloads import Item, PayloadStore, open_store

TAG_REFSPEC = "refs/tags/*:refs/tags/*"
"""Brings the tags of orphan commits, which git does not follow; without a +, so that a moved tag is an error."""


def own_tags(git: Repository) -> dict[str, TagName]:
    """By full name, the tags that make up a registry: of runs, and of models that have numbers (GTO gives none)."""
    found = registry_tags({ref.name: ref.oid for ref in git.refs(TAGS)})
    models = {tag.model for tag in found.values() if isinstance(tag, NumberTag)}
    return {name: tag for name, tag in found.items() if isinstance(tag, RunTag) or tag.model in models}


def holds_all_of(origin: Origin, registry: Registry, main: str, scratch: Repository) -> bool:
    """Whether the registry at the origin is this one, and further: main grew from this one's, no version differs.

    Runs may be here that are not there yet.
    """
    if not main or not scratch.is_ancestor(main, origin.main):
        return False
    own, here = own_tags(registry.git), {ref.name: ref.oid for ref in registry.git.refs(TAGS)}
    return all(origin.refs.get(name, here[name] if isinstance(own[name], RunTag) else "") == here[name] for name in own)


def publish(registry: Registry, origin: Origin, main: str, payloads: str) -> None:
    """Send all of a registry that had no origin: payloads first, then main, tags and notes, all or none of them.

    Conflict where the origin has got one of them in between.
    """
    own, there = own_tags(registry.git), origin.refs
    here = {ref.name: ref.oid for ref in registry.git.refs(TAGS)}
    _move_payloads(registry, {here[name] for name, tag in own.items() if isinstance(tag, RunTag | NumberTag)}, payloads)
    refs = [RefChange(f"refs/heads/{registry.branch}", main)]
    refs += [RefChange(name, here[name]) for name in own if there.get(name) != here[name]]
    if notes := registry.git.find_ref(NOTES):
        refs.append(RefChange(NOTES, notes))
    registry.git.push_new(origin.address, refs)


def _move_payloads(registry: Registry, tags: set[str], url: str) -> None:
    """Have every payload of the runs and versions behind `tags` (tag objects or commits) at `url`."""
    commits = [registry.git.find_ref(f"{oid}^{{commit}}") for oid, kind, content in registry.git.objects(sorted(tags))
               if kind != "tag" or not parse_tombstone(parse_tag_object(content, oid))]  # fmt: skip
    if not commits:
        return
    new, old = _store_at(registry, url), _old_store(registry)
    sent: set[Item] = set()
    for run in parse_runs(registry, commits):
        items = read_run_payloads(registry, run.commit, [(m.path, m.digest) for m in run.models], f"run {run.id}")
        left = [item for item in items if item not in sent]
        _gather(registry, left, old)
        if left:
            new.push(left, registry.cache, lambda _: None)
        sent.update(left)


def _store_at(registry: Registry, url: str) -> PayloadStore:
    dvc = registry.git.work_tree / ".dvc" if registry.git.work_tree else registry.state / "dvc"
    return open_store(url, {}, dvc)


def _old_store(registry: Registry) -> PayloadStore | None:
    try:
        return registry.store
    except NotFound:
        return None


def _gather(registry: Registry, items: list[Item], old: PayloadStore | None) -> None:
    """Have payloads in the cache that were in the store only."""
    for item in items:
        if old is None or registry.cache.has(item.payload.md5, item.payload.size):
            continue
        if path := old.path(item.payload):
            registry.cache.add(path)
        else:
            old.pull([item], registry.cache, lambda _: None)


def fetch_registry(git: Repository, origin: Origin, remote: str) -> str:
    """Bring main and the registry's tags, and no others; the commit that main is at."""
    main = f"refs/remotes/{remote}/{origin.branch}"
    groups = set()
    for tag in registry_tags(origin.refs).values():
        groups |= {"run/"} if isinstance(tag, RunTag) else {f"{tag.model}@", f"{tag.model}#"}
    tags = [f"{TAGS}{group}*:{TAGS}{group}*" for group in sorted(groups)]
    git.fetch(origin.address, [f"+refs/heads/{origin.branch}:{main}", *tags])
    return git.find_ref(main)


def keep_remote(git: Repository, remote: str, address: str, branch: str, commit: str, *, upstream: bool) -> None:
    """Set the remote as a clone would have it, and let it know that the origin's main is at `commit`."""
    if git.remotes().get(remote) is None:
        git.set_config(f"remote.{remote}.url", address)
    heads = f"+refs/heads/*:refs/remotes/{remote}/*"
    known = git.text("config", "--get-all", f"remote.{remote}.fetch").splitlines()
    tags = [] if {TAG_REFSPEC, f"+{TAG_REFSPEC}"} & set(known) else [TAG_REFSPEC]
    for refspec in [*([] if known else [heads]), *tags]:
        git.set_config(f"remote.{remote}.fetch", refspec, add=True)
    main = f"refs/remotes/{remote}/{branch}"
    if (old := git.find_ref(main)) != commit:
        git.change_refs([RefChange(main, commit, old)])
    if upstream:
        git.set_config(f"branch.{branch}.remote", remote)
        git.set_config(f"branch.{branch}.merge", f"refs/heads/{branch}")
