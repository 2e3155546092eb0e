"""What the wheel holds beside the package: the hook stubs and the man page, where the tree has them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class Extras(BuildHookInterface):  # type: ignore[type-arg]
    """Adds `hooks/` as `gitreg/hooks` and the manual pages of `docs/` in `share/man/man1`.

    A hook and not a setting: hatchling stops at a setting that names a file which is not there.
    """

    PLUGIN_NAME = "custom"

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        root = Path(self.root)
        hooks = root / "hooks"
        if version != "editable" and hooks.is_dir() and any(hooks.iterdir()):
            build_data["force_include"][str(hooks)] = "gitreg/hooks"
        for page in ("gitreg.1", "git-reg.1"):  # the other name is what `git reg --help` asks for
            if (man := root / "docs" / page).is_file():
                build_data["shared_data"][str(man)] = f"share/man/man1/{page}"
