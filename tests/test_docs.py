"""docs/python.md is true and complete: its examples run in order, and every public name stands in it."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import gitreg

DOCS = Path(__file__).parents[1] / "docs"
PAGE = (DOCS / "python.md").read_text(encoding="utf-8")
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
