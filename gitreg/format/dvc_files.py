"""`.dvc/config` and `dvc.yaml`: what plain DVC needs to read runs and versions (docs/format.md 1.2).

gitreg reads the first from untrusted repositories too: only where payloads lie is taken from it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from gitreg.errors import Damaged, Refused
from gitreg.format.yamltext import LIMIT, as_mapping, as_strings, entry, kind, load_yaml, scalar

CONFIG = ".dvc/config"
PIPELINE = "dvc.yaml"
PAYLOADS = "payloads"
"""The name of the DVC remote that gitreg writes."""

# Possessive throughout: the lines are a stranger's, and may be a million spaces.
_SECTION = re.compile(r"\[([^\[\]]*+)\]\s*+(?:#.*)?")
_REMOTE = re.compile(r'remote\s+"([^"]+)"')
_SETTING = re.compile(r"""([A-Za-z0-9_.-]++)\s*+=\s*+(?:"([^"]*+)"|'([^']*+)'|([^#"'][^#]*+)?)\s*+(?:#.*)?""")
_ACCOUNT = re.compile(r"[a-z0-9]{3,24}")  # it becomes part of a host's name, which is told who the user is
_REMOTE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*")
_BARE_VALUE = re.compile(r"[A-Za-z0-9/._~:@%+=-]+")
_UNQUOTABLE = re.compile("[\x00-\x1f\x7f\x85\u2028\u2029]")


_SETTINGS = {
    "s3": ("endpointurl", "region", "allow_anonymous_login"),
    "gs": ("projectname", "allow_anonymous_login"),
    "azure": ("account_name", "allow_anonymous_login"),
    "ssh": ("user", "port"),
    "webdav": ("user",),
    "webdavs": ("user",),
    "http": ("auth", "user"),
    "https": ("auth", "user"),
}
"""By the kind of a remote's URL, what main may say of it, in the order in which it is written: how to find it, and
how a user is asked for. Never a secret, never what weakens TLS or runs a program, and nothing that has a user's secrets
sent to where the URL does not already send them (so no `endpointurl` of gs: its tokens are as good as passwords)."""


def remote_settings(url: str) -> tuple[str, ...]:
    """The settings that a registry may state of a DVC remote at `url`, in the order in which they are written."""
    return _SETTINGS.get(urlsplit(url).scheme, ()) if "://" in url else ()


@dataclass(frozen=True)
class Remote:
    """A DVC remote: where payloads lie. `settings` are those of `remote_settings` that are set."""

    name: str
    url: str
    settings: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class DvcConfig:
    """The remotes of a `.dvc/config`; `default` names the one that payloads go to, or is empty."""

    remotes: tuple[Remote, ...] = ()
    default: str = ""

    @property
    def remote(self) -> Remote | None:
        """The default remote, None without one."""
        return next((remote for remote in self.remotes if remote.name == self.default), None)


def parse_dvc_config(text: str, what: str = CONFIG) -> DvcConfig:
    """The remotes in `text`; every other setting is left out. Damaged, naming `what`, where it is no such file."""
    if len(text) > LIMIT:
        raise Damaged(f"{what} has more than {LIMIT} characters")
    sections: dict[str, dict[str, str]] = {}
    section: dict[str, str] | None = None
    for number, raw in enumerate(text.split("\n"), 1):
        line = raw.strip()
        if not line or line.startswith("#"):
            continue
        header = _SECTION.fullmatch(line)
        if header:
            name = _unquoted(header[1].strip())
            if name in sections:
                raise Damaged(f"{what}, line {number}: the section {name} stands twice")
            section = sections[name] = {}
            continue
        setting = _SETTING.fullmatch(line)
        if not setting or section is None:
            raise Damaged(f"{what}, line {number}: neither a section nor a setting")
        key = setting[1].lower()
        if key in section:
            raise Damaged(f"{what}, line {number}: {key} stands twice")
        section[key] = setting[2] or setting[3] or (setting[4] or "").strip()
    remotes = []
    for name, found in sections.items():
        remote = _REMOTE.fullmatch(name)
        if remote and found.get("url"):  # one without an address only adds to a remote of another file
            known = {key: found[key] for key in _known_settings(found["url"]) if found.get(key)}
            if not _is_account(known.get("account_name", "")):
                raise Damaged(f"{what}: account_name of the remote {remote[1]} is no name of an Azure account")
            remotes.append(Remote(remote[1], found["url"], known))
    return DvcConfig(tuple(remotes), sections.get("core", {}).get("remote", ""))


def _known_settings(url: str) -> tuple[str, ...]:
    try:
        return remote_settings(url)
    except ValueError:  # no URL; whoever opens it is told
        return ()


def _is_account(name: str) -> bool:
    return not name or bool(_ACCOUNT.fullmatch(name))


def _unquoted(text: str) -> str:
    return text[1:-1] if len(text) > 1 and text[0] == text[-1] and text[0] in "\"'" else text


def format_dvc_config(config: DvcConfig) -> str:
    """The text of `config`. Refused where a value cannot be written, or where a URL holds a password."""
    text = f"[core]\n    remote = {_value(config.default)}\n" if config.default else ""
    for remote in config.remotes:
        if not _REMOTE_NAME.fullmatch(remote.name):
            raise Refused(f"bad name of a DVC remote {remote.name!r}", "letters, digits, '.', '_' and '-'")
        text += f"['remote \"{remote.name}\"']\n    url = {_value(check_payload_url(remote.url))}\n"
        known = remote_settings(remote.url)
        for key in remote.settings:
            if key not in known:
                hint = f"each user sets it with: dvc remote modify --local {remote.name} {key} ..."
                raise Refused(f"{key} of a payload store is not written to a registry", hint)
        if not _is_account(remote.settings.get("account_name", "")):
            raise Refused(
                f"bad name of an Azure account {remote.settings['account_name']!r}", "small letters and digits"
            )
        for key in known:
            if value := remote.settings.get(key, ""):
                text += f"    {key} = {_value(check_payload_url(value) if key == 'endpointurl' else value)}\n"
    return text


def check_payload_url(url: str) -> str:
    """`url`, if it may stand in a registry, where everybody reads it; Refused where it is empty or holds a password."""
    if not url.strip() or url != url.strip():
        raise Refused(f"bad address of a payload store {url!r}", "a folder or a URL such as s3://bucket/folder")
    try:
        password = urlsplit(url).password if "://" in url else None
    except ValueError as error:
        raise Refused(f"bad address of a payload store {url!r}: {error}") from None
    if password is not None:
        raise Refused(
            "the address of the payload store holds a password",
            "leave it out; each user sets it with: dvc remote modify --local payloads password ...",
        )
    return url


def _value(text: str) -> str:
    # configobj, which DVC reads the file with, takes %(name)s for a variable and knows no escapes.
    if _UNQUOTABLE.search(text) or "%(" in text or ('"' in text and "'" in text):
        raise Refused(f"{text!r} cannot be written to {CONFIG}", "remove quotes, %( and control characters")
    if _BARE_VALUE.fullmatch(text):
        return text
    return f"'{text}'" if '"' in text else f'"{text}"'


@dataclass(frozen=True)
class Pipeline:
    """What a `dvc.yaml` of gitreg's names: files of metrics and params, series to plot, model directories by model."""

    metrics: tuple[str, ...] = ()
    params: tuple[str, ...] = ()
    plots: tuple[str, ...] = ()
    artifacts: Mapping[str, str] = field(default_factory=dict)


def parse_dvc_yaml(text: str | bytes, what: str = PIPELINE) -> Pipeline:
    """What the dvc.yaml in `text` names; stages and the like are left out. Damaged, naming `what`, where it is none."""
    value = load_yaml(text, what)
    found = as_mapping({} if value is None else value, what)
    plots = found.get("plots") or []
    if not isinstance(plots, list):
        raise Damaged(f"{what}: plots is {kind(plots)}, not a list")
    artifacts = {}
    for model, facts in as_mapping(found.get("artifacts") or {}, f"{what}: artifacts").items():
        path = as_mapping(facts, f"{what}: artifacts: {model}").get("path")
        if not isinstance(path, str):
            raise Damaged(f"{what}: artifacts: {model} has no path")
        artifacts[model] = _unescaped(path)
    return Pipeline(
        metrics=_paths(found, "metrics", what),
        params=_paths(found, "params", what),
        plots=tuple(name for plot in plots for name in _plot_names(plot, f"{what}: plots")),
        artifacts=artifacts,
    )


def format_dvc_yaml(pipeline: Pipeline) -> str:
    """The text of `pipeline`, as DVC 3 reads it: series have the columns step and value, artifacts the type model."""
    text = _items("metrics", pipeline.metrics) + _items("params", pipeline.params)
    if pipeline.plots:
        plots = (f"- {scalar(_escaped(path))}:\n    x: step\n    y: value\n" for path in pipeline.plots)
        text += "plots:\n" + "".join(plots)
    if pipeline.artifacts:
        text += "artifacts:\n"
        for model, path in sorted(pipeline.artifacts.items()):
            text += f"  {scalar(model)}:\n" + entry(4, "path", scalar(_escaped(path))) + entry(4, "type", "model")
    return text or "{}\n"


def _items(key: str, paths: Iterable[str]) -> str:
    lines = "".join(f"- {scalar(_escaped(path))}\n" for path in paths)
    return f"{key}:\n{lines}" if lines else ""


def _escaped(path: str) -> str:
    # DVC replaces ${...} in dvc.yaml; without the backslash it fails on every command of that revision.
    return path.replace("${", "\\${")


def _unescaped(path: str) -> str:
    return path.replace("\\${", "${")


def _paths(found: dict[str, object], key: str, what: str) -> tuple[str, ...]:
    return tuple(_unescaped(path) for path in as_strings(found.get(key) or [], f"{what}: {key}"))


def _plot_names(plot: object, what: str) -> tuple[str, ...]:
    if isinstance(plot, str):
        return (_unescaped(plot),)
    return tuple(_unescaped(name) for name in as_mapping(plot, what))
