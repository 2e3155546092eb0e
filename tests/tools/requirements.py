"""requirements.py PART...: what pyproject.toml asks for, a line each. A part is an extra, or `dependencies`."""

from __future__ import annotations

import sys
import tomllib
from pathlib import Path

if __name__ == "__main__":
    project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text("utf-8"))["project"]
    parts = {**project["optional-dependencies"], "dependencies": project["dependencies"]}
    print("\n".join(line for part in sys.argv[1:] for line in parts[part]))
