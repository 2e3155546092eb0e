"""`gitreg hooks run pre-receive`: whether the server of a registry takes a push (docs/hooks.md).

On the way of every push: see gitreg/stores/incoming.py for what is not imported here.
"""

from __future__ import annotations

import gc
import os
import sys

from gitreg.registry.hooks.push import CONFIG, OWN, TAGS, Push, Wrong
from gitreg.stores.incoming import Incoming

LATE = "gitreg: this push came too late"
"""How the answer begins where another push was a moment quicker: whoever pushes looks again."""

REFUSED = "gitreg: this push is refused"
_SHOWN = 50


def main() -> None:
    """Be the hook: read what is pushed from standard input, say on standard error what is wrong, and end."""
    gc.disable()
    code = 0
    try:
        found = judge_push(sys.stdin.buffer.read().decode("utf-8", "surrogateescape").splitlines())
        text = format_refusal(found)
    except Exception as error:  # whatever goes wrong here, a push that was not judged is not taken
        text = _broken(error)
    if text:
        sys.stderr.buffer.write(text.encode("utf-8", "replace"))
        sys.stderr.flush()
        code = 1
    # Nothing is left to clean up, and taking ten thousand objects apart takes time.
    os._exit(code)


def judge_push(lines: list[str]) -> list[Wrong]:
    """All that is wrong with a push; `lines` are those that git gives to the hook."""
    push = Push(lines, Incoming())
    incoming = push.incoming
    tags = any(update.ref.startswith(TAGS) for update in push.updates)
    if tags:
        from gitreg.registry.hooks import tags as tag_rules

        names = tag_rules.names_of(push.updates)
    from gitreg.registry.hooks import objects

    push.read_settings()
    push.list_refs(tag_rules.globs(names) if tags else ())
    if push.late():
        return push.problems
    incoming.read_new(f"{push.main}:{CONFIG}")
    objects.check(push)
    if tags:
        tag_rules.check(push, names)
    for update in push.updates:
        if update.ref == push.main:
            from gitreg.registry.hooks import main_branch

            if steps := main_branch.check(push, update):
                from gitreg.registry.hooks.promotions import judge_steps

                judge_steps(push, update, steps)
    if any(update.ref.startswith(OWN) for update in push.updates):
        from gitreg.registry.hooks import pulls

        pulls.check(push)
    return push.problems


def format_refusal(found: list[Wrong]) -> str:
    """What the client is told; "" where nothing is wrong."""
    if not found:
        return ""
    late = all(each.late for each in found)
    shown = [each for each in found if late or not each.late]
    lines = [LATE if late else REFUSED]
    for each in shown[:_SHOWN]:
        lines += [f"  {each.thing}: {each.text}", *([f"    hint: {each.hint}"] if each.hint else [])]
    if len(shown) > _SHOWN:
        lines.append(f"  and {len(shown) - _SHOWN} more")
    return "\n".join([*lines, ""])


def _broken(error: Exception) -> str:
    from gitreg.errors import GitregError

    if os.environ.get("GITREG_TRACEBACK"):
        import traceback

        traceback.print_exc()
    if isinstance(error, GitregError):
        hint = f"\n    hint: {error.hint}" if error.hint else ""
        return f"{REFUSED}\n  {error.message}{hint}\n"
    what = f"{type(error).__name__}: {error}"
    return f"{REFUSED}: the hook has a bug ({what})\n    hint: GITREG_TRACEBACK=1 on the server shows where\n"
