"""docs/deploy.md: its unit, its configurations and its commands are what the programs that they are for take."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import click
import pytest
import yaml

from gitreg import __version__
from gitreg.cli._group import Gitreg
from gitreg.cli._session import Session
from testing.commandline import gitreg
from testing.serving import program

PAGE = (Path(__file__).parents[2] / "docs/deploy.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)


def parsed(words: list[str]) -> dict[str, Any]:
    """The parameters of a command, as the command line reads them."""
    assert words[0].rpartition("/")[2] == "gitreg"
    group = Gitreg()
    with group.make_context("gitreg", words[1:], obj=Session()) as context:
        name, command, rest = group.resolve_command(context, [*context._protected_args, *context.args])
        assert command is not None
        with command.make_context(name, rest, parent=context) as inner:
            return dict(inner.params)


def test_the_unit_is_one_of_systemd_and_starts_what_there_is(tmp_path: Path) -> None:
    (text,) = blocks("ini")
    (command,) = re.findall(r"^ExecStart=(.*)$", text, re.MULTILINE)
    found = parsed(shlex.split(command))
    assert (found["ref"], found["follow"], found["every"], found["port"]) == ("churn@production", True, 30.0, 8080)
    unit = tmp_path / "churn.service"
    unit.write_text(text.replace("/opt/gitreg/bin/gitreg", str(Path(sys.executable).with_name("gitreg"))))
    analyze = program("systemd-analyze", "systemd")
    told = subprocess.run([analyze, "verify", unit], capture_output=True, text=True, check=False)
    assert (told.returncode, told.stdout, told.stderr) == (0, "", "")
    told = subprocess.run(
        [analyze, "security", "--offline=true", "--threshold=25", unit], capture_output=True, check=False
    )
    assert told.returncode == 0, told.stdout.decode()


def test_the_configuration_of_nginx_is_one(tmp_path: Path) -> None:
    (text,) = blocks("nginx")
    whole = tmp_path / "nginx.conf"
    whole.write_text(f"events {{}}\npid {tmp_path}/pid;\nerror_log stderr;\nhttp {{\n{text}\n}}\n")
    nginx = program("nginx", "nginx")
    told = subprocess.run([nginx, "-t", "-p", tmp_path, "-c", whole], capture_output=True, text=True, check=False)
    assert told.returncode == 0, told.stderr


def test_every_manifest_runs_the_image_and_asks_where_it_listens() -> None:
    manifests = [found for text in blocks("yaml") for found in yaml.safe_load_all(text)]
    assert [found["kind"] for found in manifests] == ["Deployment", "Service", "InferenceService"]
    deployment, service, inference = manifests
    pod = deployment["spec"]["template"]
    assert deployment["spec"]["selector"]["matchLabels"] == pod["metadata"]["labels"] == service["spec"]["selector"]
    for container in (pod["spec"]["containers"][0], inference["spec"]["predictor"]["containers"][0]):
        assert container["image"] == "registry.example.org/churn:v1.0.0"
        assert container["ports"][0]["containerPort"] == 8080
        probes = [probe for name, probe in container.items() if name.endswith("Probe")]
        assert probes
        for probe in probes:
            assert probe["httpGet"]["path"] == "/ping"
            assert probe["httpGet"]["port"] in (8080, container["ports"][0].get("name"))
    assert service["spec"]["ports"][0]["targetPort"] == pod["spec"]["containers"][0]["ports"][0]["name"]
    assert pod["spec"]["containers"][0]["securityContext"]["runAsUser"] == 10001
    (args,) = re.findall(r"`args: (\[.*?\])`", PAGE)
    assert parsed(yaml.safe_load(args))["follow"] is True


def test_the_commands_do_what_the_page_says(registry: Path, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (home / "work/wheels").mkdir(parents=True)
    (home / f"work/wheels/gitreg-{__version__}-py3-none-any.whl").write_bytes(b"")
    monkeypatch.chdir(home / "work")
    monkeypatch.setenv("GITREG_REGISTRY", str(registry))
    for line in (line.removeprefix("$ ") for text in blocks("console") for line in text.splitlines()):
        words = shlex.split(line)
        if words[0] == "gitreg" and not Path(words[words.index("-o") + 1]).exists():
            said = gitreg(*words[1:])
            assert (said.code, said.err) == (0, ""), said
            assert said.out.startswith("churn@v1.0.0, which churn@production is now, is in ")
        elif words[:2] == ["docker", "build"]:
            assert f"build it: {line}" in said.out
        elif words[0] == "pip":
            requirements = words[words.index("-r") + 1]
            assert f"gitreg[serve]=={__version__}" in Path(requirements).read_text()
    assert (home / "work/churn-offline/wheels").is_dir()


def test_the_options_that_the_page_names_are_there() -> None:
    known = {
        spelled
        for name in ("serve", "dockerfile")
        for param in Gitreg().get_command(click.Context(Gitreg()), name).params  # type: ignore[union-attr]  # it is there
        for spelled in param.opts
    }
    named = set(re.findall(r"`(--[a-z-]+)", PAGE))
    assert named - known == set()
