"""What main says the stages run, as far as the hook of a server needs it: without YAML, and with what is pushed."""

from __future__ import annotations

import re

from gitreg.registry.hooks.push import Push

_VERSION = re.compile(rb"^version:[ \t]*['\"]?(v[0-9A-Za-z.-]+)", re.MULTILINE)


def runs_version(push: Push, model: str, version: str) -> list[str]:
    """The stages that run a version of a model on main, as it will be."""
    incoming = push.incoming
    tree = incoming.tree_of(push.after(push.main)) if push.after(push.main) else ""
    stages = incoming.at(tree, "stages") if tree else ""
    found = []
    for stage, (mode, oid) in incoming.entries(stages).items() if stages else ():
        blob = incoming.at(oid, f"{model}.yaml") if mode == "40000" else ""
        told = _VERSION.search(incoming.content(blob)[1]) if blob else None
        if told and told[1].decode() == version:
            found.append(stage)
    return sorted(found)
