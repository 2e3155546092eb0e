"""Public signing keys as a policy names them, and the fingerprint by which a signature's key is told."""

from __future__ import annotations

import base64
import binascii
import hashlib
import re

from gitreg.errors import Damaged

_SSH = re.compile(r"((?:sk-)?(?:ssh|ecdsa)-[a-z0-9@.-]{1,50}) +([A-Za-z0-9+/]{16,}={0,2})(?: .*)?")
_SSH_PRINT = re.compile(r"SHA256:[A-Za-z0-9+/]{43}")
_PGP_PRINT = re.compile(r"[0-9A-F]{40}|[0-9A-F]{64}")


def key_fingerprint(text: str) -> str:
    """The fingerprint of a public key (`ssh-ed25519 AAAA... comment`), or `text` itself if it is one.

    "SHA256:" and 43 letters for ssh, 40 or 64 upper-case hex digits for OpenPGP. Damaged where `text` is neither.
    """
    told = " ".join(text.split())
    if _SSH_PRINT.fullmatch(told):
        return told
    if _PGP_PRINT.fullmatch(digits := told.replace(" ", "").upper()):
        return digits
    found = _SSH.fullmatch(told)
    try:
        blob = base64.b64decode(found[2], validate=True) if found else b""
    except binascii.Error:
        blob = b""
    # The key's type stands once more in the key itself, behind its length.
    if found and blob[4 : 4 + int.from_bytes(blob[:4], "big")] == found[1].encode():
        return "SHA256:" + base64.b64encode(hashlib.sha256(blob).digest()).decode().rstrip("=")
    hint = "write a public key (ssh-ed25519 AAAA...) or a fingerprint (ssh-keygen -lf FILE, gpg --fingerprint)"
    raise Damaged(f"{told[:60]!r} is no public key and no fingerprint of one", hint)
