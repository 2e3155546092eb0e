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

_FILES = {"save", "from_file"}
_REACHING = re.compile(r"\.\s*(save|from_file)\b")
_ATTRIBUTE = re.compile(r"getattr\(\s*[\w.]+,\s*\"([^\"\\]*)\"\)")
_DEEPEST = 100
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
            if name.lower().startswith("code/") and name.lower().endswith(".py"):  # torch does not tell a from A
                found = _reaches_for(archive.read(name).decode("utf-8", "replace"))
                if found:
                    message = f"{file.name} may write or read files when it predicts: {name} calls {found}"
                    raise Refused(message, "trust=['torch.jit'] loads it all the same")


def _reaches_for(text: str) -> str:
    """The function in the code that reaches for files, an empty text where there is none.

    Parts of a module are asked for by getattr(self, "0"): any other use of that is taken for one of them.
    """
    found = _REACHING.search(text) or _REACHING.search(_COMMENT.sub("", text))
    if found:
        return found[1]
    for _ in range(_DEEPEST):
        if "getattr" not in text:
            return ""
        if _FILES & set(_ATTRIBUTE.findall(text)):
            break
        text = _ATTRIBUTE.sub("_", text)
    return "getattr"
