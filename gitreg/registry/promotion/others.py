"""Changes of main that are no stage files: gitreg.yaml, whose policy others judge by, and cards."""

from __future__ import annotations

import re
from collections.abc import Iterator

from gitreg import checks
from gitreg.checks._base import Problem, Proposal, Report, Result
from gitreg.checks.policy import strictest
from gitreg.errors import Damaged, GitregError
from gitreg.format.card import card_path, parse_card
from gitreg.format.config import parse_config
from gitreg.format.policy import parse_policy
from gitreg.registry.place import CONFIG_FILE
from gitreg.registry.promotion.gather import ProposedChange

CONFIG, CARDS = "config", "cards"
_LINE = re.compile(r", line (\d+)")


def judge_others(change: ProposedChange) -> list[Report]:
    """A report on gitreg.yaml where it changes, and one on the cards that do."""
    found = []
    if CONFIG_FILE in change.files:
        found.append(Report(CONFIG_FILE, (config_result(change.files[CONFIG_FILE]), *_policy_results(change))))
    cards = {path: content for path, content in change.files.items() if path.startswith("models/")}
    if cards:
        found.append(Report(", ".join(sorted(cards)), (cards_result(cards),)))
    return found


def config_result(content: bytes | None) -> Result:
    """Whether gitreg.yaml is one: every mistake of its settings and of its policy, with its line."""
    if content is None:
        text = f"{CONFIG_FILE} is deleted: without it this is no registry"
        return Result(CONFIG, "failed", "", (Problem(text, f"git checkout main -- {CONFIG_FILE}", CONFIG_FILE),))
    problems = tuple(dict.fromkeys(_mistakes(content)))
    remarks: tuple[Problem, ...] = ()
    if not problems:
        unknown = parse_config(content).unknown
        remarks = tuple(_problem(text, "it is ignored; docs/policy.md has the keys", blocks=False) for text in unknown)
    state = "failed" if problems else "warned" if remarks else "passed"
    return Result(CONFIG, state, "settings and policy can be read", (*problems, *remarks))  # type: ignore[arg-type]  # one of them


def _mistakes(content: bytes) -> Iterator[Problem]:
    for parse in (parse_config, parse_policy):
        try:
            parse(content)
        except Damaged as error:
            for line in error.message.split("\n"):
                yield _problem(line, error.hint)
        except GitregError as error:
            yield _problem(error.message, error.hint)


def _problem(text: str, hint: str, *, blocks: bool = True) -> Problem:
    found = _LINE.search(text)
    return Problem(text, hint, CONFIG_FILE, int(found[1]) if found else 0, blocks)


def _policy_results(change: ProposedChange) -> tuple[Result, ...]:
    return tuple(result for each in policy_proposals(change) for result in _approvals(each))


def _approvals(proposal: Proposal) -> tuple[Result, ...]:
    return checks.run(proposal, only=checks.ABOUT_APPROVAL).results


def policy_proposals(change: ProposedChange) -> list[Proposal]:
    """Another policy, which needs the approvals that the strictest stage of the old one asks for; none otherwise."""
    if not change.policy_changed:
        return []
    rules = strictest(change.policy)
    return [Proposal("", path=CONFIG_FILE, policy=change.policy, rules=rules, pull=change.pull)]


def cards_result(cards: dict[str, bytes | None]) -> Result:
    """Whether each card can be read and lies where one does; None is one that is deleted."""
    problems = tuple(problem for path, content in sorted(cards.items()) for problem in _card(path, content))
    failed = any(problem.blocks for problem in problems)
    return Result(CARDS, "failed" if failed else "warned" if problems else "passed", "cards can be read", problems)


def _card(path: str, content: bytes | None) -> Iterator[Problem]:
    if content is None:
        return
    try:
        if path != card_path(path.removeprefix("models/").removesuffix(".md")):
            yield Problem(f"{path} is no models/<model>.md: nothing reads it", "git mv it", path, blocks=False)
            return
        parse_card(content.decode("utf-8"), path)
    except UnicodeDecodeError:
        yield Problem(f"{path} is not UTF-8", "save it as UTF-8", path)
    except GitregError as error:
        found = _LINE.search(error.message)
        yield Problem(error.message, error.hint, path, int(found[1]) if found else 0)
