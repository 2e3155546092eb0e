"""TorchScript archives, read before torch reads them.

TorchScript is a language of its own in which Python cannot be called. Two of its functions reach out of the model: one
writes a file, one reads and makes one.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from gitreg.errors import Damaged, Refused
from gitreg.flavors.pytorch.archive import is_archive, open_archive

_REACHING = re.compile(r"\.\s*(save|from_file)\b")
_COMMENT = re.compile(r"#[^\n]*|\\\n")


def check_script(file: Path, trust: Sequence[str]) -> None:
    """Raises `Damaged` for a file that is no TorchScript, `Refused` for one that reaches for files.

    Where `trust` has torch.jit the second is not asked.
    """
    if not is_archive(file):
        raise Damaged(f"{file.name} is no TorchScript")
    with open_archive(file) as archive:
        if not {"data.pkl", "constants.pkl"} <= archive.names:
            raise Damaged(f"{file.name} is no complete TorchScript: data.pkl is missing")
        if "torch.jit" in trust:
            return
        for name in sorted(archive.names):
            if name.startswith("code/") and name.endswith(".py"):
                text = archive.read(name).decode("utf-8", "replace")
                found = _REACHING.search(text) or _REACHING.search(_COMMENT.sub("", text))
                if found:
                    message = f"{file.name} may write or read files when it predicts: {name} calls {found[1]}"
                    raise Refused(message, "trust=['torch.jit'] loads it all the same")
