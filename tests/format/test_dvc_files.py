"""`.dvc/config` and `dvc.yaml`: DVC reads what we write, and we take only places from what others write."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Mapping
from hashlib import md5
from pathlib import Path

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from gitreg.errors import Damaged, GitregError, Refused
from gitreg.format.dvc_files import (
    DvcConfig,
    Pipeline,
    Remote,
    check_payload_url,
    format_dvc_config,
    format_dvc_yaml,
    parse_dvc_config,
    parse_dvc_yaml,
    remote_settings,
)
from gitreg.format.pointer import Pointer, format_pointer
from testing.gitcli import git
from testing.warm import Run

CONFIG = """\
[core]
    remote = payloads
['remote "payloads"']
    url = s3://bucket/folder
    endpointurl = http://127.0.0.1:9000
    region = us-east-1
"""

DVC_YAML = """\
metrics:
- .gitreg/metrics.json
params:
- .gitreg/params.json
plots:
- .gitreg/metrics/loss.tsv:
    x: step
    y: value
artifacts:
  churn:
    path: model
    type: model
"""

ALL = Pipeline((".gitreg/metrics.json",), (".gitreg/params.json",), (".gitreg/metrics/loss.tsv",), {"churn": "model"})

values = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Zl", "Zp"]), min_size=1, max_size=15).filter(
    lambda text: text == text.strip() and "%(" not in text and not {'"', "'"} <= set(text) and "://" not in text
)

names = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,8}", fullmatch=True)


def _is_address(url: str) -> bool:
    try:
        return check_payload_url(url) == url
    except Refused:
        return False


@st.composite
def remotes(draw: st.DrawFn) -> Remote:
    url = draw(st.sampled_from(["", "s3://", "gs://", "azure://", "ssh://", "webdavs://", "https://"])) + draw(values)
    assume(_is_address(url))
    kinds = {"account_name": st.from_regex(r"[a-z0-9]{3,24}", fullmatch=True)}
    settings = {key: draw(kinds.get(key, values)) for key in remote_settings(url) if draw(st.booleans())}
    return Remote(draw(names), url, settings)


configs = st.builds(
    DvcConfig, st.lists(remotes(), max_size=3, unique_by=lambda remote: remote.name).map(tuple), st.just("") | names
)
# A path of a run holds no backslash.
paths = st.text(st.characters(codec="utf-8", exclude_characters="\\"), min_size=1, max_size=12) | st.sampled_from(
    ["${x}", "a$ {b", "$${x}", "0123", "null", "a: b #c", "it's", "é/b c"]
)
pipelines = st.builds(
    Pipeline,
    *[st.lists(paths, max_size=3, unique=True).map(tuple)] * 3,
    st.dictionaries(st.sampled_from(["churn", "yes", "123", "1e5", "null", "A_b-C", "0x1F"]), paths, max_size=3),
)


def test_the_configuration_is_the_one_published() -> None:
    remote = Remote("payloads", "s3://bucket/folder", {"endpointurl": "http://127.0.0.1:9000", "region": "us-east-1"})
    assert format_dvc_config(DvcConfig((remote,), "payloads")) == CONFIG
    assert parse_dvc_config(CONFIG) == DvcConfig((remote,), "payloads")
    assert parse_dvc_config(CONFIG).remote == remote
    assert parse_dvc_config("").remote is None
    assert DvcConfig((remote,), "other").remote is None


@given(configs)
def test_a_configuration_is_read_back(config: DvcConfig) -> None:
    text = format_dvc_config(config)
    assert parse_dvc_config(text) == config
    assert format_dvc_config(parse_dvc_config(text)) == text


@given(configs)
def test_dvc_reads_the_same_places(config: DvcConfig) -> None:
    from configobj import ConfigObj

    found = ConfigObj(format_dvc_config(config).splitlines()).dict()
    assert found.pop("core", {}).get("remote", "") == config.default
    assert found == {f'remote "{remote.name}"': {"url": remote.url, **remote.settings} for remote in config.remotes}


def test_what_dvc_writes_is_read_and_only_places_are_taken() -> None:
    text = """\
# made by dvc
[core]
    remote = "store"   # the default
    analytics = false
['remote "store"']
    URL = /srv/a b#not this
    access_key_id = AKIA
    secret_access_key = 'x#y'
["remote 'odd'"]
    url = x
['remote "other"']
    url = "ssh://host/with space"
    version_aware = true
['remote "local only"']
    password = x
[cache]
    type = hardlink,symlink
"""
    assert parse_dvc_config(text) == DvcConfig(
        (Remote("store", "/srv/a b"), Remote("other", "ssh://host/with space")), "store"
    )


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("url = x\n", "line 1: neither a section nor a setting"),
        ("[core]\nremote\n", "line 2: neither a section nor a setting"),
        ("[core]\nremote = 'a' b\n", "line 2: neither a section nor a setting"),
        ("[core]\nremote = '''a\n", "line 2: neither a section nor a setting"),
        ("[core\n", "line 1: neither a section nor a setting"),
        ("[core]\nremote = a\nremote = b\n", "line 3: remote stands twice"),
        ("[core]\n[core]\n", "line 2: the section core stands twice"),
        ("['remote \"p\"']\nurl = azure://x\naccount_name = evil.example/\n", "is no name of an Azure account"),
        ("#" * 2_000_000, "has more than 1048576 characters"),
    ],
)
def test_a_broken_configuration_is_refused_with_its_line(text: str, says: str) -> None:
    with pytest.raises(Damaged) as caught:
        parse_dvc_config(text, "main:.dvc/config")
    assert caught.value.message.startswith("main:.dvc/config")
    assert says in caught.value.message


@given(st.text() | st.text("[]'\"= \n#a,remote", max_size=40))
def test_any_text_is_a_configuration_or_an_error_of_ours(text: str) -> None:
    try:
        parse_dvc_config(text)
    except GitregError as error:
        assert error.message.startswith(".dvc/config")


@pytest.mark.parametrize("line", ["[", "[core]", "a =", "a", "a = x", "['", "a = '"])
def test_a_line_of_a_million_spaces_is_read_or_refused(line: str) -> None:
    """In quadratic time it would not end."""
    for end in ("x", "'", '"', "]x", ""):
        with contextlib.suppress(GitregError):
            parse_dvc_config("[core]\n" + line + " " * 1_000_000 + end)


@pytest.mark.parametrize(
    "remote",
    [Remote("a b", "x"), Remote("", "x"), Remote("p", ""), Remote("p", " x"), Remote("p", "a\nurl = b"),
     Remote("p", "a\"'b"), Remote("p", "%(home)s"), Remote("p", "s3://x", {"region": "a\x00b"}),
     Remote("p", "s3://x", {"region": "\u2028"}), Remote("p", "s3://x", {"endpointurl": "http://a:b@c"}),
     Remote("p", "s3://x", {"secret_access_key": "x"}), Remote("p", "x", {"region": "x"}),
     Remote("p", "webdavs://x", {"ssl_verify": "false"}), Remote("p", "gs://x", {"endpointurl": "http://x"}),
     Remote('p"]\n[core', "x"), Remote("p", "azure://x", {"account_name": "evil.example/"})],
)  # fmt: skip
def test_what_could_not_be_read_back_is_not_written(remote: Remote) -> None:
    with pytest.raises(Refused):
        format_dvc_config(DvcConfig((remote,), "p"))


def test_a_password_never_gets_into_a_registry() -> None:
    for url in ("ssh://ann:secret@host/x", "https://ann:@host/x"):
        with pytest.raises(Refused, match="holds a password") as caught:
            check_payload_url(url)
        assert "secret" not in caught.value.message + caught.value.hint
    with pytest.raises(Refused, match="Invalid IPv6 URL"):
        check_payload_url("ssh://[::1/x")
    for url in ("ssh://ann@host:2222/x", "/srv/payloads", "s3://bucket/x", "a:b@c", "gs://b"):
        assert check_payload_url(url) == url


def test_the_pipeline_is_the_one_published() -> None:
    assert format_dvc_yaml(ALL) == DVC_YAML
    assert parse_dvc_yaml(DVC_YAML) == parse_dvc_yaml(DVC_YAML.encode()) == ALL
    assert format_dvc_yaml(Pipeline()) == "{}\n"
    assert parse_dvc_yaml("{}\n") == parse_dvc_yaml("") == Pipeline()


@given(pipelines)
def test_a_pipeline_is_read_back(pipeline: Pipeline) -> None:
    text = format_dvc_yaml(pipeline)
    assert parse_dvc_yaml(text) == pipeline
    assert format_dvc_yaml(parse_dvc_yaml(text)) == text


@settings(max_examples=25)  # DVC's parser is slow
@given(pipelines)
def test_dvc_finds_the_same_files(pipeline: Pipeline) -> None:
    from dvc.parsing.context import Context
    from dvc.schema import COMPILED_MULTI_STAGE_SCHEMA
    from dvc.utils.serialize import parse_yaml

    found = Context().resolve(COMPILED_MULTI_STAGE_SCHEMA(parse_yaml(format_dvc_yaml(pipeline), "dvc.yaml")))
    assert tuple(found.get("metrics", ())) == pipeline.metrics
    assert tuple(found.get("params", ())) == pipeline.params
    assert {name: facts["path"] for name, facts in found.get("artifacts", {}).items()} == dict(pipeline.artifacts)


def test_other_peoples_pipelines_are_read() -> None:
    text = (
        "stages: {train: {cmd: x}}\nplots: [a.tsv, {b.tsv: {x: s}, c.tsv: null}]\nartifacts: {m: {path: p, desc: d}}\n"
    )
    assert parse_dvc_yaml(text) == Pipeline(plots=("a.tsv", "b.tsv", "c.tsv"), artifacts={"m": "p"})


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[]", "t:dvc.yaml is a list, not a mapping"),
        ("metrics: x", "t:dvc.yaml: metrics is text, not a list"),
        ("params: [{a: b}]", "t:dvc.yaml: params holds a mapping where text should stand"),
        ("plots: {a: b}", "t:dvc.yaml: plots is a mapping, not a list"),
        ("plots: [1]", "t:dvc.yaml: plots is a number, not a mapping"),
        ("artifacts: [a]", "t:dvc.yaml: artifacts is a list, not a mapping"),
        ("artifacts: {churn: model}", "t:dvc.yaml: artifacts: churn is text, not a mapping"),
        ("artifacts: {churn: {type: model}}", "t:dvc.yaml: artifacts: churn has no path"),
        ("artifacts: &a {}\nplots: *a", "t:dvc.yaml, line 1: anchors and aliases are not accepted"),
    ],
)
def test_a_broken_pipeline_is_refused_by_name(text: str, says: str) -> None:
    with pytest.raises(Damaged) as caught:
        parse_dvc_yaml(text, "t:dvc.yaml")
    assert says in caught.value.message


@given(st.text() | st.binary())
def test_any_input_is_a_pipeline_or_an_error_of_ours(text: str | bytes) -> None:
    try:
        parse_dvc_yaml(text)
    except GitregError as error:
        assert error.message.startswith("dvc.yaml")


def test_dvc_reads_orphan_commits_with_these_files(dvc: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """metrics, params and plots of two tags are compared, and each version's model is fetched, also by its name."""
    store, repo = tmp_path / "it's a store, #1", tmp_path / "registry"
    config = format_dvc_config(DvcConfig((Remote("payloads", str(store)),), "payloads"))

    repo.mkdir()
    monkeypatch.chdir(repo)
    git(repo, "init", "-q")
    (repo / ".dvc").mkdir()
    (repo / ".dvc/config").write_text(config)
    git(repo, "add", "-A")
    git(repo, "commit", "-q", "-m", "main")

    path = "models/my ${model} é"
    series = ".gitreg/metrics/%41%2Fb.tsv"
    for number in (1, 2):
        payload = f"payload {number}".encode()
        digest = md5(payload).hexdigest()
        stored = store / "files/md5" / digest[:2] / digest[2:]
        stored.parent.mkdir(parents=True, exist_ok=True)
        stored.write_bytes(payload)
        metrics = {"accuracy": number / 10, "val.f1": number, "test/auc": number, "a[0]": number, "none": "NaN"}
        pipeline = Pipeline((".gitreg/metrics.json",), (".gitreg/params.json",), (series,), {"1e5": path})
        _orphan(
            repo,
            f"1e5@v{number}.0.0",
            {
                ".dvc/config": config,
                "dvc.yaml": format_dvc_yaml(pipeline),
                ".gitreg/metrics.json": json.dumps(metrics),
                ".gitreg/params.json": json.dumps({"max.depth": str(number), "a/b": str(number), "same": "x"}),
                series: f"step\tvalue\ttime\n0\t{number}\tT\n1\tNaN\tT\n",
                f"{path}/MLmodel": "flavors: {}\n",
                f"{path}/model.pkl.dvc": format_pointer(Pointer("model.pkl", digest, len(payload))),
            },
        )

    tags = ("1e5@v1.0.0", "1e5@v2.0.0")
    changes = json.loads(dvc("metrics", "diff", "--json", *tags))[".gitreg/metrics.json"]
    assert {key: (change["old"], change["new"]) for key, change in changes.items()} == {
        "accuracy": (0.1, 0.2), "val.f1": (1, 2), "test/auc": (1, 2), "a[0]": (1, 2),
    }  # fmt: skip
    changes = json.loads(dvc("params", "diff", "--json", *tags))[".gitreg/params.json"]
    assert changes == {"max.depth": {"old": "1", "new": "2"}, "a/b": {"old": "1", "new": "2"}}
    plot = json.loads(dvc("plots", "diff", "--json", *tags))["data"][series][0]
    assert plot["content"]["encoding"]["x"]["field"] == "step"
    assert {point["rev"]: point["value"] for point in plot["content"]["data"]["values"] if point["step"] == "0"} == {
        tags[0]: "1", tags[1]: "2",
    }  # fmt: skip

    bare = tmp_path / "origin.git"
    git(tmp_path, "clone", "-q", "--bare", repo, bare)
    dvc("get", bare, path, "--rev", tags[0], "-o", tmp_path / "by-path")
    dvc("artifacts", "get", bare, "1e5", "--rev", "v1.0.0", "-o", tmp_path / "by-version")
    dvc("artifacts", "get", bare, "1e5", "-o", tmp_path / "latest")
    for folder, content in (("by-path", "payload 1"), ("by-version", "payload 1"), ("latest", "payload 2")):
        assert sorted(file.name for file in (tmp_path / folder).iterdir()) == ["MLmodel", "model.pkl"]
        assert (tmp_path / folder / "model.pkl").read_text() == content


def _orphan(repo: Path, tag: str, files: Mapping[str, str]) -> None:
    """An annotated tag of a commit without parents that holds `files`."""
    tree: dict[str, object] = {}
    for path, text in files.items():
        *folders, name = path.split("/")
        inner = tree
        for folder in folders:
            inner = inner.setdefault(folder, {})  # type: ignore[assignment]
        inner[name] = git(repo, "hash-object", "-w", "--stdin", input=text)
    commit = git(repo, "commit-tree", "-m", tag, _tree(repo, tree))
    git(repo, "tag", "-a", "-m", tag, tag, commit)


def _tree(repo: Path, entries: Mapping[str, object]) -> str:
    lines = [
        f"100644 blob {entry}\t{name}\0" if isinstance(entry, str) else f"040000 tree {_tree(repo, entry)}\t{name}\0"  # type: ignore[arg-type]
        for name, entry in entries.items()
    ]
    return git(repo, "mktree", "-z", input="".join(lines))
