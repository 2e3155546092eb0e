from __future__ import annotations

import json
import re
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from gitreg.format.body import BodyFacts, CheckLine, MetricLine, PayloadLine, Side, compare_link, format_body
from gitreg.format.environment import RequirementChange
from gitreg.format.runs import Source
from gitreg.format.schema_changes import Change

READ = MarkdownIt("commonmark").enable(["table", "strikethrough"])
A, B = "a" * 40, "b" * 40
REMOTE = "https://github.com/team/churn.git"
LONG = 1_000_000

OLD = Side("v1.2.0", 2, "winter", "sha256:" + "1" * 64, Source(A, REMOTE, False, "train.py"))
NEW = Side("v2.0.0", 3, "spring", "sha256:" + "2" * 64, Source(B, REMOTE, True, "train.py"))
FACTS = BodyFacts(
    model="churn",
    stage="production",
    old=OLD,
    new=NEW,
    requester="Ana Analyst",
    why="Trained on spring.\nBetter for new customers.",
    metrics=(
        MetricLine("accuracy", 0.91, 0.93, "at least 0.9"),
        MetricLine("latency_ms", None, float("nan"), "at most 20"),
    ),
    signature=(Change("inputs", "plan", "was added", "major", "callers that do not send it are refused"),),
    bump="major",
    requirements=(
        RequirementChange("numpy", "numpy==2.4.5", "numpy==2.4.6"),
        RequirementChange("torch", "torch==3.0.0", None),
        RequirementChange("skops", None, "skops==0.16.0"),
    ),
    payloads=(PayloadLine("model.pkl", 48_210_433, "c" * 64, "there"), PayloadLine("x.bin", 5, "d" * 64, "missing")),
    checks=(
        CheckLine("digest", "passed", "6 files"),
        CheckLine("metrics", "failed", "", (("accuracy is 0.93: too low", True), ("latency_ms is odd", False))),
        CheckLine("requirements", "warned", "", (("numpy is not pinned", False),)),
        CheckLine("order", "skipped"),
    ),
    wanted=2,
    approvers=("@ml-leads",),
    undo="gitreg rollback churn production --to churn@v1.2.0",
)

TEXT = st.text(max_size=12) | st.sampled_from(["| x", "</details>", "```", "# a", "@bob", "a\nb", "<b>", "[x](y)"])
BUMPS = st.sampled_from(["patch", "minor", "major"])
NUMBER = st.none() | st.floats()
SIDES = st.none() | st.builds(
    Side, TEXT, st.integers(0, 9), TEXT, TEXT, st.builds(Source, TEXT, TEXT, st.booleans(), TEXT)
)


def many(strategy: st.SearchStrategy) -> st.SearchStrategy:  # type: ignore[type-arg]  # of any value
    return st.lists(strategy, max_size=6).map(tuple)


FACTS_OF_ANY_KIND = st.builds(
    BodyFacts,
    model=TEXT,
    stage=TEXT,
    old=SIDES,
    new=SIDES,
    requester=TEXT,
    why=TEXT,
    metrics=many(st.builds(MetricLine, TEXT, NUMBER, NUMBER, TEXT)),
    signature=many(st.builds(Change, st.just("inputs"), TEXT, TEXT, BUMPS, TEXT)),
    bump=st.none() | BUMPS,
    requirements=many(st.builds(RequirementChange, TEXT, st.none() | TEXT, st.none() | TEXT)),
    payloads=st.none() | many(st.builds(PayloadLine, TEXT, st.integers(0, 1 << 40), TEXT, TEXT)),
    checks=many(
        st.builds(
            CheckLine, TEXT, st.sampled_from(["passed", "failed", "warned", "skipped"]), TEXT,
            many(st.tuples(TEXT, st.booleans())),
        )
    ),
    wanted=st.integers(0, 3),
    approvers=many(TEXT),
    undo=TEXT,
)  # fmt: skip


@given(FACTS_OF_ANY_KIND, st.integers(0, 5000))
def test_no_body_is_longer_than_the_forge_takes(facts: BodyFacts, limit: int) -> None:
    assert len(format_body(facts, limit)) <= limit


@given(FACTS_OF_ANY_KIND)
def test_nothing_is_cut_that_fits(facts: BodyFacts) -> None:
    whole = format_body(facts, LONG)
    assert format_body(facts, len(whole)) == whole
    assert "would be too long" not in whole


@given(FACTS_OF_ANY_KIND, st.integers(400, 5000) | st.just(LONG))
def test_all_rows_of_a_table_have_its_columns(facts: BodyFacts, limit: int) -> None:
    for table in tables(format_body(facts, limit)):
        assert len({columns(line) for line in table}) == 1, table


@given(FACTS_OF_ANY_KIND)
def test_nobodys_text_makes_elements_of_its_own(facts: BodyFacts) -> None:
    plain = BodyFacts(**{**vars(facts), "why": "x" if facts.why.strip() else ""})
    empty = {
        "table",
        "thead",
        "tbody",
        "tr",
        "th",
        "td",
        "p",
        "code",
        "pre",
        "h3",
        "strong",
        "em",
        "details",
        "summary",
    }
    rendered = READ.render(format_body(facts, LONG))
    found = set(re.findall(r"</?([a-z0-9]+)", re.sub(r"<code[^>]*>.*?</code>", "", rendered, flags=re.DOTALL)))
    assert found <= empty | {"br", "blockquote", "a"}
    assert rendered.count("<h3>") == READ.render(format_body(plain, LONG)).count("<h3>")
    assert rendered.count("<details>") == 1
    assert rendered.rstrip().endswith("</details>")


@given(FACTS_OF_ANY_KIND)
def test_the_same_facts_are_the_same_text(facts: BodyFacts) -> None:
    assert format_body(facts, 3000) == format_body(replace(facts), 3000)


def tables(text: str) -> list[list[str]]:
    found: list[list[str]] = [[]]
    for line in re.sub(r"^(`{3,})[^`\n]*\n.*?^\1$", "", text, flags=re.DOTALL | re.MULTILINE).splitlines():
        if line.startswith("| "):
            found[-1].append(line)
        elif found[-1]:
            found.append([])
    return [table for table in found if table]


def columns(line: str) -> int:
    return line.count("|")  # a bar in a cell is an entity


def parts(text: str) -> dict[str, str]:
    """The parts under their headings; what comes first is under ""."""
    split = re.split(r"^### (.*)\n", text, flags=re.MULTILINE)
    return {"": split[0]} | dict(zip(split[1::2], split[2::2], strict=True))


def test_it_tells_everything_in_order() -> None:
    found = parts(format_body(FACTS, LONG))
    assert list(found) == ["", "Version", "Metrics", "For callers", "Requirements", "Payloads", "Code", "Checks",
                           "To take it back"]  # fmt: skip
    assert found[""].splitlines() == [
        "**Blocked** by `metrics`, with 1 remark.",
        "",
        "`production` shall run `churn` `v2.0.0` instead of `v1.2.0`, asked for by Ana Analyst.",
        "",
        "> Trained on spring.  ",
        "> Better for new customers.  ",
        "",
    ]
    assert "| version | `v1.2.0` (number 2) | `v2.0.0` (number 3) |" in found["Version"]
    assert "| run | `winter` | `spring` |" in found["Version"]
    assert "| `accuracy` | 0.91 | 0.93 | +0.02 | at least 0.9 |" in found["Metrics"]
    assert "| `latency_ms` |  | NaN |  | at most 20 |" in found["Metrics"]
    assert "this is **major**" in found["For callers"]
    assert "| inputs | `plan` was added | callers that do not send it are refused | major |" in found["For callers"]
    assert "| changed | `numpy` | `numpy==2.4.5` | `numpy==2.4.6` |" in found["Requirements"]
    assert "| removed | `torch` | `torch==3.0.0` |  |" in found["Requirements"]
    assert "| added | `skops` |  | `skops==0.16.0` |" in found["Requirements"]
    assert f"| `model.pkl` | 46.0 MiB | `{'c' * 64}` | there |" in found["Payloads"]
    assert f"| `x.bin` | 5 B | `{'d' * 64}` | missing |" in found["Payloads"]
    assert "| changes that no commit has | no | yes |" in found["Code"]
    assert f"](https://github.com/team/churn/compare/{A}...{B})" in found["Code"]
    assert "Not looked at: `order`." in found["Checks"]
    assert "| `metrics` | **failed** | accuracy is 0.93: too low<br>latency_ms is odd (a remark) |" in found["Checks"]
    assert "```sh\ngitreg rollback churn production --to churn@v1.2.0\n```" in found["To take it back"]


def test_its_json_can_be_read_back() -> None:
    found = re.search(r"```json\n(.*)\n```", format_body(FACTS, LONG), re.DOTALL)
    assert found
    facts = json.loads(found[1])
    assert facts == json.loads(json.dumps(FACTS.to_dict()))
    assert facts["metrics"][1]["new"] == "NaN"


PASSED = replace(FACTS, checks=(CheckLine("digest", "passed"),))
APPROVED, LACKING = CheckLine("approvals", "passed"), CheckLine("approvals", "failed", "", (("2 missing", True),))


@pytest.mark.parametrize(
    ("facts", "said"),
    [
        (replace(PASSED, wanted=0), "**Ready to merge**."),
        (PASSED, "**Waiting for review**: it needs 2 approvals of `@ml-leads`."),
        (replace(PASSED, wanted=1, approvers=()), "**Waiting for review**: it needs 1 approval."),
        (replace(FACTS, checks=(LACKING,)), "**Waiting for review**: it needs 2 approvals of `@ml-leads`."),
        (replace(FACTS, checks=(APPROVED,)), "**Ready to merge**."),
        (replace(FACTS, checks=(LACKING, CheckLine("digest", "failed"))), "**Blocked** by `approvals`, `digest`."),
        (replace(FACTS, checks=(APPROVED, CheckLine("x", "warned"))), "**Ready to merge**, with 1 remark."),
    ],
)
def test_the_first_line_is_the_verdict(facts: BodyFacts, said: str) -> None:
    assert format_body(facts, LONG).splitlines()[0] == said


@pytest.mark.parametrize(
    ("facts", "said"),
    [
        (replace(FACTS, old=None), "`production` begins to run `churn` `v2.0.0`, asked for by Ana Analyst."),
        (replace(FACTS, new=None), "`production` stops running `churn` `v1.2.0`, asked for by Ana Analyst."),
    ],
)
def test_a_stage_that_begins_or_ends_to_run_a_model_says_so(facts: BodyFacts, said: str) -> None:
    assert format_body(facts, LONG).splitlines()[2] == said


def test_what_is_least_important_is_cut_first() -> None:
    long = replace(
        FACTS,
        payloads=tuple(PayloadLine(f"{n}.bin", n, "e" * 64, "there") for n in range(2000)),
        requirements=tuple(RequirementChange(f"p{n}", None, f"p{n}==1") for n in range(50)),
    )
    text = format_body(long, 65_536)
    assert len(text) > 60_000
    assert "As JSON" not in text
    assert "*1 object of JSON left out: the text would be too long.*" in text
    kept = text.count(".bin`")
    assert f"*{2000 - kept} more payloads left out: the text would be too long.*" in text
    assert text.count("==1`") == 50
    shorter = parts(format_body(long, 3000))
    assert "| " not in shorter["Payloads"]
    assert "*2000 payloads left out: the text would be too long.*" in shorter["Payloads"]
    assert "| `accuracy` |" in shorter["Metrics"]
    assert format_body(long, 100).startswith("**Blocked** by")


@pytest.mark.parametrize(
    ("remote", "link"),
    [
        ("https://github.com/team/churn", f"https://github.com/team/churn/compare/{A}...{B}"),
        ("https://gitlab.com/a/b/c.git", f"https://gitlab.com/a/b/c/-/compare/{A}...{B}"),
        ("https://codeberg.org/team/churn.git", f"https://codeberg.org/team/churn/compare/{A}...{B}"),
        ("https://github.com/team/churn)(https://evil.example", ""),
        ("https://github.com.evil.example/team/churn", ""),
        ("https://user@github.com/team/churn", ""),
        ("https://github.com/team/../../x", ""),
        ("http://github.com/team/churn", ""),
        ("https://git.example/team/churn", ""),
        ("git@github.com:team/churn.git", ""),
        ("", ""),
    ],
)
def test_the_code_is_compared_where_a_known_forge_has_it(remote: str, link: str) -> None:
    assert compare_link(Source(A, remote), Source(B, remote)) == link


def test_nothing_is_compared_between_two_remotes_or_without_two_commits() -> None:
    assert not compare_link(Source(A, REMOTE), Source(B, "https://github.com/other/churn"))
    assert not compare_link(Source("", REMOTE), Source(B, REMOTE))
    assert not compare_link(Source(A, REMOTE), Source(A, REMOTE))
    assert not compare_link(Source("main) [x](y", REMOTE), Source(B, REMOTE))
