"""Keras' HDF5 files of before, looked into by a program of their own.

The HDF5 library can walk in circles in a file that was made to be wrong, and nothing in this program could stop it.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from gitreg.errors import Damaged, Unsupported
from gitreg.flavors._base import framework
from gitreg.flavors.keras.archive import parse_config

_SECONDS = 60  # a sound file takes one, most of it to start

_LOOK = """
import sys
sys.path[:] = sys.argv[2:]
import h5py
def look(name, thing):
    for key in thing.attrs:
        thing.attrs[key]
with h5py.File(sys.argv[1], "r") as file:
    look("", file)
    file.visititems(look)
    text = file.attrs.get("model_config", "")
sys.stdout.buffer.write(text if isinstance(text, bytes) else str(text).encode())
"""


def read_hdf5_config(file: Path) -> dict[str, object]:
    """The configuration of the Keras model in an HDF5 file. Raises `Damaged`."""
    framework("h5py", "h5py")
    command = [sys.executable, "-I", "-c", _LOOK, str(file.resolve()), *sys.path]
    try:
        done = subprocess.run(command, capture_output=True, timeout=_SECONDS, check=False, stdin=subprocess.DEVNULL)
    except subprocess.TimeoutExpired:
        raise Damaged(f"{file.name} is no HDF5 file that can be read: reading it does not end") from None
    except OSError as error:
        raise Unsupported(f"{file.name} cannot be looked into: {sys.executable} does not start: {error}") from error
    if done.returncode:
        lines = done.stderr.decode("utf-8", "replace").strip().splitlines()
        why = lines[-1][:200] if lines else f"reading it ended with {done.returncode}"
        raise Damaged(f"{file.name} is no complete HDF5 file: {why}")
    if not done.stdout:
        raise Damaged(f"{file.name} holds no Keras model: it has no model_config")
    return parse_config(done.stdout, f"{file.name}: model_config")
