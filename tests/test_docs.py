"""The pages are true: examples of docs/python.md run, those of docs/format.md are what the code reads and writes."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import gitreg
from gitreg.format.bundle import format_manifest, parse_manifest
from gitreg.format.dvc_files import format_dvc_config, format_dvc_yaml, parse_dvc_config, parse_dvc_yaml
from gitreg.format.names import PAYLOAD_SUFFIXES
from gitreg.format.notes import format_fact, parse_facts
from gitreg.format.objects import parse_tag_object
from gitreg.format.pointer import format_pointer, parse_pointer
from gitreg.format.record import format_record, parse_record
from gitreg.format.runs import format_run_message, format_series, parse_run_message, parse_series
from gitreg.format.stage_file import format_stage_file, parse_stage_file
from gitreg.format.sums import format_sums, parse_sums
from gitreg.format.tags import RecordTag, parse_tag_name
from gitreg.format.tombstones import format_tombstone, parse_tombstone
from gitreg.format.versions import format_version_message, parse_version_message

DOCS = Path(__file__).parents[1] / "docs"
PAGE = (DOCS / "python.md").read_text(encoding="utf-8")
FORMAT = (DOCS / "format.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```\w*\n(.*?)^```$", FORMAT, re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\(([^)#]*)(?:#([^)]+))?\)")


def anchors(page: Path) -> set[str]:
    """The anchors of a page's headings, as forges make them."""
    heads = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", head.lower()).replace(" ", "-") for head in heads}


def test_the_examples_of_the_python_page_run_in_order(tmp_path: Path) -> None:
    examples = re.findall(r"^```python\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    script = tmp_path / "examples.py"
    script.write_text("\n".join(examples), encoding="utf-8")
    done = subprocess.run([sys.executable, str(script)], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_every_public_name_has_an_example() -> None:
    used = set(re.findall(r"\bgitreg\.(\w+)", "".join(re.findall(r"^```python\n(.*?)^```$", PAGE, re.M | re.S))))
    assert set(gitreg.__all__) - used == set()


def test_every_link_between_pages_leads_somewhere() -> None:
    broken = [
        f"{page.name}: {target}#{anchor}"
        for page in DOCS.glob("*.md")
        for target, anchor in LINK.findall(re.sub(r"`[^`\n]*`", "", page.read_text(encoding="utf-8")))
        if "://" not in target
        and (
            not (found := (page.parent / target) if target else page).is_file()
            or (anchor and anchor not in anchors(found))
        )
    ]
    assert broken == []


def block(begin: str) -> str:
    """The only example of the format that begins so."""
    (found,) = (text for text in BLOCKS if text.startswith(begin))
    return found


def test_the_examples_of_the_format_are_what_the_code_writes() -> None:
    run, stage, pointer = block("run c1"), block("format: 1\nmodel"), block("outs:")
    series, notes, config = block("step\t"), block('{"at"'), block("[core]")
    assert format_run_message(parse_run_message(run)) == run
    assert format_stage_file(parse_stage_file(stage)) == stage
    assert format_pointer(parse_pointer(pointer)) == pointer
    assert format_series(parse_series(series, "the example")) == series
    assert "".join(f"{format_fact(fact)}\n" for fact in parse_facts(notes)) == notes
    assert format_dvc_config(parse_dvc_config(config)) == config
    for pipeline in (block("metrics:\n"), block("artifacts:\n")):
        assert format_dvc_yaml(parse_dvc_yaml(pipeline)) == pipeline


def test_the_examples_of_a_version_and_its_sums_fit_together() -> None:
    (tag,) = (text for text in BLOCKS if "\n\nchurn v1.0.0\n\n" in text)
    message = tag.partition("\n\n")[2]
    version = parse_version_message(message, "churn", "v1.0.0")
    assert format_version_message(version) == message
    (sums,) = (text for text in BLOCKS if "  MLmodel\n" in text)
    assert format_sums(parse_sums(sums)) == sums
    assert parse_sums(sums).digest() == version.digest
    assert parse_run_message(block("run c1")).models[0].digest == version.digest


def test_the_examples_of_a_bundle_and_of_a_tombstone_are_what_the_code_writes() -> None:
    manifest = block('{\n  "branch"')
    assert format_manifest(parse_manifest(manifest.encode(), "the example")).decode() == manifest
    (stone,) = (text for text in BLOCKS if "\nGitreg-Replaces: " in text)
    tag = parse_tag_object(stone.encode(), "the example")
    found = parse_tombstone(tag)
    assert found is not None and format_tombstone(found) == tag.message


def test_the_example_of_a_record_is_what_the_code_writes() -> None:
    (record,) = (text for text in BLOCKS if "\nGitreg-Merge: " in text)
    tag = parse_tag_object(record.encode(), "the example")
    name = parse_tag_name(tag.name)
    assert isinstance(name, RecordTag)
    assert format_record(parse_record(tag.message, name)) == tag.message


def test_the_endings_of_payloads_are_those_of_the_code() -> None:
    assert tuple(block(".pkl ").split()) == PAYLOAD_SUFFIXES
