"""Completion: the scripts for bash, zsh and fish, and the names that are offered, read from refs alone."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

import click

from gitreg.cli._session import Session

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem, ShellComplete

    from gitreg.registry.place import Registry

SHELLS = ("bash", "zsh", "fish")
COMMANDS = ("gitreg", "git-reg")
VARIABLE = "_GITREG_COMPLETE"

_TAGS = "refs/tags/"

# bash splits words at "@", ":" and "=", which our names hold: the whole line is passed on, and what bash takes for an
# earlier word is cut off the answers. A word that begins behind "@" begins with it.
_BASH = """\
%(complete_func)s() {
    local IFS=$'\\n' line="${COMP_LINE:0:COMP_POINT}" current cut="" breaks="" character type value
    current="${line##*[[:space:]]}"
    for character in : = @; do
        [[ $COMP_WORDBREAKS == *"$character"* ]] && breaks+="$character"
    done
    if [[ -n $breaks && $current == *["$breaks"]* ]]; then
        cut="${current%%"${current##*["$breaks"]}"}"
        cut="${cut%%@}"
    fi
    COMPREPLY=()
    while IFS=',' read -r type value; do
        case $type in
            dir) compopt -o dirnames ;;
            file) compopt -o default ;;
            plain) COMPREPLY+=("${value#"$cut"}") ;;
        esac
    done < <(COMP_WORDS="$line" COMP_CWORD=-1 %(complete_var)s=bash_complete %(prog_name)s 2>/dev/null)
    if [[ ${#COMPREPLY[@]} -eq 1 && ${COMPREPLY[0]} == *[@:] ]]; then
        compopt -o nospace
    fi
}

complete -o nosort -F %(complete_func)s %(prog_name)s
"""


def script(group: click.Group, shell: str) -> str:
    """What a person's shell reads at its start, for both names of the command."""
    return "\n".join(_class(shell)(group, {}, name, VARIABLE).source() for name in COMMANDS)


def complete(group: click.Group, instruction: str) -> int:
    """Answer a shell that asks; silent whatever happens."""
    shell, _, what = instruction.partition("_")
    if shell not in SHELLS or what != "complete":
        return 1
    try:
        asked = _class(shell)(group, {"obj": Session()}, "gitreg", VARIABLE)
        click.echo(asked.complete())
    except Exception:  # a traceback would land in the line that somebody is typing
        return 1
    return 0


def _class(shell: str) -> type[ShellComplete]:
    from click.shell_completion import BashComplete, FishComplete, ShellComplete, ZshComplete, split_arg_string

    class Bash(BashComplete):
        source_template = _BASH

        def source(self) -> str:
            return ShellComplete.source(self)  # without starting bash to see how old it is

        def get_completion_args(self) -> tuple[list[str], str]:
            line = os.environ["COMP_WORDS"]
            words = split_arg_string(line)
            incomplete = words.pop() if words and not line[-1:].isspace() else ""
            return words[1:], incomplete

    return {"bash": Bash, "zsh": ZshComplete, "fish": FishComplete}[shell]


Completer = Callable[[click.Context, click.Parameter, str], "list[CompletionItem[str]]"]


def _from_registry(names: Callable[[Registry, str], Iterable[str]]) -> Completer:
    def offered(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem[str]]:
        from click.shell_completion import CompletionItem

        from gitreg.registry.place import open_registry

        try:
            place = open_registry(ctx.ensure_object(Session).registry, offline=True)
            return [CompletionItem(name) for name in names(place, incomplete) if name.startswith(incomplete)]
        except Exception:  # no names to offer is all that a prompt can say
            return []

    return offered


def _models(place: Registry) -> list[str]:
    tags = (ref.name.removeprefix(_TAGS) for ref in place.git.refs(f"{_TAGS}*@1"))
    return [tag.removesuffix("@1") for tag in tags]


def _run_names(place: Registry, begin: str) -> list[str]:
    runs = place.git.refs(f"{_TAGS}run/{begin}*") if _is_plain(begin) else []
    return [ref.name.removeprefix(f"{_TAGS}run/") for ref in runs]


def _is_plain(text: str) -> bool:
    return all(c.isalnum() or c in "_-" for c in text)


def _reference_names(place: Registry, incomplete: str) -> Iterable[str]:
    if incomplete.startswith("run:"):
        return [f"run:{run}" for run in _run_names(place, incomplete.removeprefix("run:"))]
    model, at, _ = incomplete.partition("@")
    if not at:
        return _models(place)
    if not _is_plain(model):
        return []
    return [f"{model}@{what}" for what in (*_stages(place, model), *_versions(place, model))]


def _versions(place: Registry, model: str) -> list[str]:
    """The model's versions, greatest last registered first; numbers and marks of retired ones are left out."""
    from gitreg.format.semver import format_semver
    from gitreg.registry.catalog import model_tags

    tags = model_tags(place, model)
    return [format_semver(version) for version in reversed(tags.standing())]


def _stages(place: Registry, model: str) -> list[str]:
    from gitreg.errors import NotFound

    try:
        entries = place.git.tree(place.main_ref, "stages")
    except NotFound:
        return []
    return [e.path.partition("/")[0] for e in entries if e.path.partition("/")[2] == f"{model}.yaml"]


def _all_stages(place: Registry) -> list[str]:
    """The stages that the policy lists, and those that run something."""
    from gitreg.registry.promotion.promote import policy_of
    from gitreg.registry.resolve import read_stages

    return list(dict.fromkeys((*policy_of(place).stages, *read_stages(place))))


models = _from_registry(lambda place, incomplete: _models(place))
references = _from_registry(_reference_names)
runs = _from_registry(_run_names)
stages = _from_registry(lambda place, incomplete: _all_stages(place))
