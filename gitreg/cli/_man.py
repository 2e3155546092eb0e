"""The manual page, made from the commands themselves."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterable, Iterator

import click

from gitreg import __version__
from gitreg.cli._group import GROUPS

# Of the last change that a reader would notice.
_DATE = "2026-11-22"

_EXIT_CODES = (
    ("0", "It worked."),
    ("1", "The answer is no: diff with --exit-code found a difference, doctor found something wrong."),
    ("2", "The command was not understood."),
    ("70", "A bug in gitreg."),
    ("75", "The origin or the payload store does not answer, or is too busy: try again."),
    ("128", "An error that the message names, with a hint at what to do."),
    ("130", "Interrupted with Ctrl-C."),
)

_ENVIRONMENT = (
    ("GITREG_REGISTRY", "The registry, where neither -R nor a setting names one."),
    ("GITREG_OFFLINE", "Not empty: ask nobody, as with --offline."),
    ("GITREG_PAYLOADS", "The payload store, in place of the one that the registry names."),
    ("GITREG_CACHE", "Where copies lie that can be made again, in place of gitreg/ in the user's cache folder."),
    ("GITREG_USER", 'Who writes, where git knows nobody: "Ana Analyst <ana@example.org>".'),
    ("GITREG_TRACEBACK", "Not empty: show where any error comes from."),
    ("NO_COLOR", "Not empty: print without colours."),
)

_FILES = (
    ("gitreg.yaml", "On the registry's main branch: its format and settings."),
    ("models/MODEL.md", "On main: title, description, tags and owners of a model."),
    ("stages/STAGE/MODEL.yaml", "On main: what a stage runs."),
    ("pyproject.toml", '[tool.gitreg] registry = "PATH-OR-URL" names the registry of a project.'),
)


def format_man(group: click.Group) -> str:
    """gitreg(1) as roff."""
    ctx = click.Context(group, info_name="gitreg", **group.context_settings)
    return "\n".join(_lines(group, ctx)) + "\n"


def _lines(group: click.Group, ctx: click.Context) -> Iterator[str]:
    yield f'.TH GITREG 1 {_DATE} "gitreg {__version__}" "User Commands"'
    yield from (".SH NAME", r"gitreg \- a model registry that is just Git")
    yield from (".SH SYNOPSIS", ".B gitreg", r"[\fIOPTIONS\fR] \fICOMMAND\fR [\fIARGUMENTS\fR]")
    yield from (".br", ".B git reg", r"[\fIOPTIONS\fR] \fICOMMAND\fR [\fIARGUMENTS\fR]")
    yield ".SH DESCRIPTION"
    yield from _prose((group.help or "").partition("\n\n")[2])
    yield ".SH OPTIONS"
    yield "These may stand before the command's name and behind it."
    yield from _options(group.get_params(ctx), ctx)
    yield ".SH COMMANDS"
    for section, names in GROUPS.items():
        yield f".SS {_text(section)}"
        for number, name in enumerate(names):
            command = group.get_command(ctx, name)
            assert command is not None
            if number:
                yield ".PP"
            yield from _command(command, click.Context(command, info_name=name, parent=ctx), group)
    yield from _terms("EXIT STATUS", _EXIT_CODES)
    yield from _terms("ENVIRONMENT", _ENVIRONMENT)
    yield from _terms("FILES", _FILES)
    yield from (".SH SEE ALSO", ".BR git (1),", ".BR dvc (1)")


def _command(command: click.Command, ctx: click.Context, group: click.Group, before: str = "") -> Iterator[str]:
    everywhere = {param.name for param in group.params}
    name = f"{before}{command.name or ''}"
    usage = " ".join(piece for piece in command.collect_usage_pieces(ctx) if piece != "[OPTIONS]")
    yield rf"\fBgitreg {_text(name)}\fR {_text(usage)}".rstrip()
    yield ".RS 4"
    yield from _prose(command.help or "")
    yield from _options([param for param in command.params if param.name not in everywhere], ctx)
    yield ".RE"
    for part in command.commands.values() if isinstance(command, click.Group) else ():
        yield ".PP"
        yield from _command(part, click.Context(part, info_name=part.name, parent=ctx), group, f"{name} ")


def _options(params: Iterable[click.Parameter], ctx: click.Context) -> Iterator[str]:
    for param in params:
        record = param.get_help_record(ctx) if isinstance(param, click.Option) else None
        if record:
            yield from (".TP", rf"\fB{_text(record[0])}\fR", _text(record[1]))


def _terms(title: str, terms: tuple[tuple[str, str], ...]) -> Iterator[str]:
    yield f".SH {title}"
    for term, meaning in terms:
        yield from (".TP", rf"\fB{_text(term)}\fR", _text(meaning))


def _prose(text: str) -> Iterator[str]:
    """Paragraphs; one that click shall not wrap stays as it is here, too."""
    for number, paragraph in enumerate(re.split(r"\n\s*\n", inspect.cleandoc(text))):
        lines = [line.rstrip() for line in paragraph.split("\n")]
        if number:
            yield ".PP"
        if lines[0] == "\b":
            yield ".nf"
            yield from (_text(line) for line in lines[1:])
            yield ".fi"
        else:
            yield from (_text(line.strip()) for line in lines)


def _text(text: str) -> str:
    """Text that roff prints as it stands."""
    escaped = (
        text.replace("\\", r"\e").replace("-", r"\-").replace("'", r"\(aq").replace("^", r"\(ha").replace("~", r"\(ti")
    )
    return r"\&" + escaped if escaped.startswith((".", "'")) else escaped
