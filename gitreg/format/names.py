"""Names that may be written to a registry: models, stages, runs, metric keys, file names.

The rules are those of docs/format.md 1.2 and 1.6. They are narrow because a name that git, DVC or a
file system would drop or rewrite in silence must be refused before it is written.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable

from gitreg.errors import Refused, check_type, shown

_NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9_-]{0,98}[A-Za-z0-9])?")
_RUN_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,99}")
_DEVICE = re.compile(r"(?:con|prn|aux|nul|conin\$|conout\$|com[0-9¹²³]|lpt[0-9¹²³])", re.IGNORECASE)
_NOT_A_STAGE = re.compile(r"[0-9]+|v[0-9].*|latest|greatest|created|deprecated", re.IGNORECASE)
_NAME_RULE = "letters, digits, '-' and '_', at most 100, beginning and ending with a letter or digit"
_BAD_CHARACTER = re.compile(r'[\x00-\x1f\x7f\\:"<>|?*]')
_NOT_IN_KEY = re.compile("[\x00-\x1f\x7f\x85\u2028\u2029\ud800-\udfff]")
_RESERVED = frozenset({".git", ".dvc", ".dvcignore", "dvc.yaml", "dvc.lock"})
_RESERVED_AT_ROOT = frozenset({".gitreg"})
_ENCODED_METRIC = re.compile(r"(?:[a-z0-9_-][a-z0-9_.-]*|%[0-9A-F]{2})(?:[a-z0-9_.-]|%[0-9A-F]{2})*")
_PLAIN = frozenset(b"abcdefghijklmnopqrstuvwxyz0123456789_.-")
_LONGEST_COMPONENT = 200
_LONGEST_KEY = 250

PAYLOAD_SUFFIXES = (
    ".pkl", ".pickle", ".cloudpickle", ".joblib", ".skops", ".pt", ".pth", ".pt2", ".ckpt", ".bin", ".safetensors",
    ".onnx", ".data", ".h5", ".hdf5", ".keras", ".tflite", ".pb", ".index", ".npy", ".npz", ".ubj", ".model",
    ".mlmodel", ".gguf", ".ggml", ".msgpack", ".parquet", ".arrow", ".feather", ".rds", ".rda", ".pmml", ".zip",
    ".tar", ".gz", ".tgz", ".xz", ".bz2", ".zst", ".7z", ".jar", ".mojo", ".cbm", ".lgb", ".so", ".whl", ".egg",
    ".db", ".sqlite",
)  # fmt: skip
"""Endings of files that are always payloads, however small."""

EXAMPLE_FILES = frozenset({"input_example.json", "serving_input_example.json"})
"""Rows of data: never in Git, whatever their size."""


def check_model_name(name: str) -> str:
    """`name`, if it may name a registered model; otherwise Refused says which rule it breaks."""
    rule = f"a model name is {_NAME_RULE}; write any other in the card's title"
    check_type(name, str, "model name", rule)
    if not _NAME.fullmatch(name):
        raise Refused(f"bad model name {shown(name)}", rule)
    if name.lower() in {"run", "gitreg"}:
        raise Refused(f"bad model name {shown(name)}", "the names run and gitreg are gitreg's own")
    if _DEVICE.fullmatch(name):
        raise Refused(f"bad model name {shown(name)}", "this is a device's name on Windows; choose another")
    return name


def check_stage_name(name: str) -> str:
    """`name`, if it may name a stage; otherwise Refused says which rule it breaks."""
    if not _NAME.fullmatch(name):
        raise Refused(f"bad stage name {shown(name)}", f"a stage name is {_NAME_RULE}")
    if name.lower() in {"run", "gitreg"} or _DEVICE.fullmatch(name):
        raise Refused(f"bad stage name {shown(name)}", "run, gitreg and the device names of Windows are reserved")
    if _NOT_A_STAGE.fullmatch(name):
        raise Refused(
            f"bad stage name {shown(name)}",
            "a stage is not a number, nor v1..., latest, greatest, created or deprecated: those name versions",
        )
    return name


def check_run_id(run_id: str) -> str:
    """`run_id`, if it may name a run; otherwise Refused."""
    rule = "a run id is letters, digits, '-' and '_', at most 100, beginning with a letter or digit"
    check_type(run_id, str, "run id", rule)
    if not _RUN_ID.fullmatch(run_id):
        raise Refused(f"bad run id {shown(run_id)}", rule)
    return run_id


def check_key(key: str) -> str:
    """`key`, if a metric, param, tag or label may have that name; otherwise Refused."""
    rule = f"a key is text of 1 to {_LONGEST_KEY} characters, no control characters, no space at either end"
    check_type(key, str, "key", rule)
    if not key or len(key) > _LONGEST_KEY or key != key.strip() or _NOT_IN_KEY.search(key):
        raise Refused(f"bad key {shown(key)}", rule)
    return key


def check_metric_key(key: str) -> str:
    """`key`, if a metric may have that name, which is a file's name too; otherwise Refused."""
    if len(encode_metric_key(check_key(key))) > _LONGEST_COMPONENT:
        raise Refused(
            f"key {shown(key)} is too long", f"its file name may have {_LONGEST_COMPONENT} bytes once encoded"
        )
    return key


def check_text(text: str, what: str) -> str:
    """`text`, if it can be written as UTF-8; otherwise Refused, naming `what`."""
    try:
        text.encode()
    except UnicodeEncodeError:
        raise Refused(
            f"{what} holds half of a surrogate pair, which is no text", "decode it with the right encoding"
        ) from None
    return text


def encode_metric_key(key: str) -> str:
    """The file name (without ending) of a metric's series: percent-encoded except `[a-z0-9_.-]`, a leading dot too."""
    out = "".join(chr(b) if b in _PLAIN else f"%{b:02X}" for b in key.encode())
    return "%2E" + out[1:] if out.startswith(".") else out


def decode_metric_key(name: str) -> str:
    """The metric's key that `encode_metric_key` wrote as `name`; Refused where it could not have."""
    if _ENCODED_METRIC.fullmatch(name):
        from urllib.parse import unquote  # a hook that needs the other names starts a fifth sooner without it

        try:
            key = unquote(name, errors="strict")
        except UnicodeDecodeError:
            key = ""
        if key and encode_metric_key(key) == name:
            return key
    raise Refused(f"bad metric file name {shown(name)}", "it is not the percent-encoding of a metric's key")


def check_path(path: str) -> str:
    """`path` (relative, `/` between components), if a file inside a run may have that name.

    Refused where plain DVC, git or a file system of another machine would drop or rename it in silence.
    """
    rule = "a file's path is text, relative, and names a file"
    check_type(path, str, "file name", rule)
    if not path or path.startswith("/") or path.endswith("/"):
        raise Refused(f"bad file name {shown(path)}", rule)
    for part in path.split("/"):
        why = _wrong_component(part)
        if why:
            raise Refused(f"bad file name {shown(path)}", f"{shown(part)} {why}; rename it")
    if path.split("/", 1)[0].lower() in _RESERVED_AT_ROOT:
        raise Refused(f"bad file name {shown(path)}", ".gitreg/ at the root of a run is gitreg's own; rename it")
    return path


def _wrong_component(part: str) -> str:
    if part in {"", ".", ".."}:
        return "is not a name"
    try:
        size = len(part.encode())
    except UnicodeEncodeError:
        return "is not text"
    if size > _LONGEST_COMPONENT:
        return f"has more than {_LONGEST_COMPONENT} bytes"
    if part.lower() in _RESERVED or part.lower().endswith(".dvc"):
        return "is a name of git's or DVC's own"
    if _BAD_CHARACTER.search(part):
        return 'has a control character or one of \\ : " < > | ? *'
    if part.startswith("#") or part[-1] in ". ":
        return "begins with # or ends with a dot or a space"
    if _DEVICE.fullmatch(part.split(".", 1)[0].rstrip(" ")):
        return "is a device's name on Windows"
    if not part.isascii() and unicodedata.normalize("NFC", part) != part:
        return "is not in Unicode's NFC form"
    return ""


class Paths:
    """The names of a run's files, each checked against those that were added before it."""

    def __init__(self) -> None:
        self._files: dict[str, str] = {}
        self._folders: dict[str, str] = {}

    def add(self, path: str) -> None:
        """Refuse a bad name, one that differs from another in case only, and a file where another needs a folder."""
        folded = check_path(path).casefold()
        known = self._files.get(folded)
        if known == path:
            return
        if known is not None:
            raise Refused(f"file names {shown(known)} and {shown(path)} differ in case only", "rename one of them")
        if folded in self._folders:
            raise Refused(f"{shown(path)} is both a file and a folder", "rename one of them")
        folders: dict[str, str] = {}
        parts = path.split("/")
        for depth in range(1, len(parts)):
            folder = "/".join(parts[:depth])
            key = folder.casefold()
            if key in self._files:
                raise Refused(f"{shown(folder)} is both a file and a folder", "rename one of them")
            other = self._folders.get(key, folder)
            if other != folder:
                raise Refused(f"folders {shown(other)} and {shown(folder)} differ in case only", "rename one of them")
            folders[key] = folder
        self._files[folded] = path
        self._folders |= folders


def check_paths(paths: Iterable[str]) -> None:
    """Refuse bad names, two that differ in case only, and a file where another needs a folder."""
    names = Paths()
    for path in sorted(set(paths)):
        names.add(path)


def is_payload_name(path: str) -> bool:
    """Whether a file of this name is always a payload: by its ending, or because it holds rows of data."""
    name = path.rsplit("/", 1)[-1].lower()
    return name in EXAMPLE_FILES or name.endswith(PAYLOAD_SUFFIXES)
