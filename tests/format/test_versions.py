"""Versions: the annotated tag that is their record."""

from __future__ import annotations

import contextlib
import json

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from format.test_trailers import SIGNATURE
from gitreg.errors import Damaged, GitregError, Refused, Unsupported
from gitreg.format.jsontext import format_metrics
from gitreg.format.trailers import clean_prose
from gitreg.format.versions import (
    METRICS_LIMIT,
    ModelVersion,
    format_version_message,
    metrics_for_tag,
    parse_version_message,
)

VERSION = ModelVersion(
    "churn", "v1.3.0", 7, "29edd", "model", "sha256:" + "a" * 64, "sha256:" + "b" * 64, 48210433,
    ("python_function", "sklearn"), {"accuracy": 0.931}, "Deeper trees.\n\nGitreg-Number: 9", "c" * 40,
)  # fmt: skip
MESSAGE = format_version_message(VERSION)
keys = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)


def test_a_version_stands_in_its_tag_as_published() -> None:
    assert (
        "churn v1.3.0\n\nDeeper trees.\n\nGitreg-Number: 9\n\nGitreg-Format: 1\nGitreg-Number: 7\n"
        f"Gitreg-Previous: {'c' * 40}\nGitreg-Run: 29edd\nGitreg-Path: model\nGitreg-Digest: sha256:{'a' * 64}\n"
        f"Gitreg-Signature: sha256:{'b' * 64}\nGitreg-Size: 48210433\nGitreg-Flavors: python_function sklearn\n"
        'Gitreg-Metrics: {"accuracy": 0.931}\n'
    ) == MESSAGE
    assert parse_version_message(MESSAGE, "churn", "v1.3.0") == VERSION


@given(
    st.text(max_size=60) | st.text("ab:\n -", max_size=40),
    st.dictionaries(keys, st.floats(allow_nan=False), max_size=3),
    st.integers(1, 10**9),
    st.sampled_from(["", "d" * 40, "e" * 64]),
)
@example("Gitreg-Format: 2", {}, 1, "")
@example("a\n\n\nb", {}, 1, "")
def test_a_version_is_read_back_from_its_message(
    description: str, metrics: dict[str, float], number: int, previous: str
) -> None:
    try:
        cleaned = clean_prose(description)
    except Refused:
        return
    version = ModelVersion(
        "churn", "v0.1.0", number, "x", "a/b", "sha256:" + "0" * 64, "none", 0, (), metrics, cleaned, previous
    )
    message = format_version_message(version)
    assert parse_version_message(message, "churn", "v0.1.0") == version
    assert parse_version_message(message + SIGNATURE, "churn", "v0.1.0") == version
    json.dumps(version.to_dict(), allow_nan=False)


@pytest.mark.parametrize("text", ["registered by gto\n", "", "two\n\nparagraphs\n", "s\n\nSigned-off-by: Ana <a@b>\n"])
def test_a_tag_without_a_format_is_gtos(text: str) -> None:
    found = parse_version_message(text, "churn", "v1.0.0")
    assert (found.number, found.signature, found.run_id) == (None, "none", "")
    assert found.description == text.strip("\n")


def test_a_tombstone_tells_only_its_place_in_the_chain() -> None:
    trailers = f"Gitreg-Format: 1\nGitreg-Number: 2\nGitreg-Previous: none\nGitreg-Replaces: {'a' * 40}\n"
    text = f"churn v1.0.0 purged\n\n{trailers}"
    found = parse_version_message(text, "churn", "v1.0.0")
    assert found.tombstone and found.number == 2 and found.previous == "" and found.digest == ""


def test_a_newer_format_is_named() -> None:
    with pytest.raises(Unsupported, match=r"version churn@v1\.3\.0 has format 2; this gitreg reads up to format 1"):
        parse_version_message(MESSAGE.replace("Gitreg-Format: 1", "Gitreg-Format: 2"), "churn", "v1.3.0")


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("churn v1.3.0", "churn v1.4.0"),
        ("Gitreg-Number: 7", "Gitreg-Number: 0"),
        ("Gitreg-Number: 7", "Gitreg-Number: seven"),
        ("Gitreg-Number: 7", "Gitreg-Number: 7\nGitreg-Number: 8"),
        ("Gitreg-Number: 7", "Gitreg-Number: \u0667"),
        ("Gitreg-Number: 7", "Gitreg-Number: " + "7" * 5000),
        ("Gitreg-Number: 7\n", ""),
        ("Gitreg-Run: 29edd", "Gitreg-Run: a/b"),
        ("Gitreg-Path: model", "Gitreg-Path: ../model"),
        ("Gitreg-Digest: sha256:", "Gitreg-Digest: sha256:../"),
        ("Gitreg-Digest: sha256:", "Gitreg-Digest: md5:"),
        ("Gitreg-Size: 48210433", "Gitreg-Size: -1"),
        ("Gitreg-Size: 48210433", "Gitreg-Size: 1e9"),
        ('{"accuracy": 0.931}', '{"accuracy": "good"}'),
        ('{"accuracy": 0.931}', "[]"),
    ],
)
def test_a_broken_record_is_refused(old: str, new: str) -> None:
    broken = MESSAGE.rpartition("\n\n")[2].replace(old, new) if old.startswith("Gitreg") else ""
    text = MESSAGE.rpartition("\n\n")[0] + "\n\n" + broken if broken else MESSAGE.replace(old, new)
    assert text != MESSAGE
    with pytest.raises((Damaged, Refused)):
        parse_version_message(text, "churn", "v1.3.0")


@given(st.text(max_size=40), st.integers(0, len(MESSAGE)), st.integers(0, 20))
def test_any_message_is_a_version_or_an_error_of_gitreg(text: str, at: int, cut: int) -> None:
    for tried in (text, MESSAGE[:at] + text + MESSAGE[at + cut :]):
        with contextlib.suppress(GitregError):
            parse_version_message(tried, "churn", "v1.3.0")


def test_a_tag_tells_the_metrics_that_fit() -> None:
    metrics = {f"metric_{n:03}": n / 7 for n in range(200)}
    told = metrics_for_tag(metrics)
    assert 20 < len(told) < 200
    assert len(format_metrics(told)) <= METRICS_LIMIT
    assert list(told) == sorted(metrics)[: len(told)]


def test_a_tag_tells_the_metrics_that_the_registry_chose() -> None:
    assert metrics_for_tag({"a": 1.0, "b": 2.0}, ("b", "c")) == {"b": 2.0}
