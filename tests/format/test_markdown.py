"""Judged by a parser of CommonMark with the tables of GitHub, GitLab and Gitea: what others wrote is text there."""

from __future__ import annotations

import html
import re
import unicodedata

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from gitreg.format.markdown import clean, code, fenced, head, prose, quoted, row

HOSTILE = "|`<>&\\_*[]()!#@~$-+=:/.^{}'\" ab1\n\t"
TEXT = st.text(max_size=60) | st.text(alphabet=HOSTILE, max_size=60)
READ = MarkdownIt("commonmark").enable(["table", "strikethrough"])
TAG = re.compile(r"<[^>]*>")
LINKING = re.compile(r"(?<!\w)@\w|://|\bwww\.\w|(?<!\w)#\d|mailto:", re.ASCII)

FORGERIES = """\
| a | b |
</details><h1>Approved</h1>
<script>alert(1)</script>
[approved](https://evil.example)
![](https://evil.example/spy.png)
@everyone see https://evil.example and www.evil.example, #1 !2 mailto:a@b.c
# Ready to merge
- [x] checked
1. first
1) first
+ more
> quoted
--- ---
===
``` ` ``
\\| \\` \\
**bold** __bold__ _it_ ~~gone~~ ***
&lt;b&gt; &#124; &amp;
<!-- hidden -->
https://a|b`c
\N{RIGHT-TO-LEFT OVERRIDE}txet a\N{ZERO WIDTH SPACE}b
[a]: https://evil.example
a@b.c|d`e
$x$ $`x`$ :tada:
""".splitlines()


def tags(rendered: str) -> set[str]:
    return {tag.strip("</> ").split()[0] for tag in TAG.findall(rendered)}


def words(rendered: str) -> str:
    """What a reader sees, without blanks, which Markdown may join."""
    return "".join(html.unescape(TAG.sub("", rendered)).split())


def outside_code(rendered: str) -> str:
    return html.unescape(re.sub(r"<code>.*?</code>|<[^>]*>", " ", rendered, flags=re.DOTALL))


def hostile(test):  # type: ignore[no-untyped-def]  # as decorators of hypothesis are
    for line in FORGERIES:
        test = example(line)(test)
    return given(TEXT)(test)


@hostile
def test_prose_is_shown_as_it_was_written(text: str) -> None:
    rendered = READ.render(prose(text))
    assert tags(rendered) <= {"p", "code"}
    assert words(rendered) == "".join(clean(text).split())


@hostile
def test_prose_links_to_nothing_and_calls_nobody(text: str) -> None:
    assert not LINKING.search(outside_code(READ.render(prose(text))))


@hostile
def test_a_name_is_shown_as_it_is(text: str) -> None:
    rendered = READ.render(f"x {code(text)} x")
    assert tags(rendered) <= {"p", "code"}
    assert words(rendered) == f"x{''.join(clean(text).split())}x"


@hostile
def test_a_cell_stays_in_its_row_and_column(text: str) -> None:
    rows = [row((code(text), prose(text), "end")), row(("", f"{prose(text)} {code(text)}", ""))]
    rendered = READ.render("\n".join([*head(("a", "b", "c")), *rows, "", "after"]))
    assert tags(rendered) <= {"table", "thead", "tbody", "tr", "th", "td", "code", "p"}
    assert rendered.count("<tr>") == 3
    assert rendered.count("<td") == 6
    assert rendered.endswith("<p>after</p>\n")
    cells = re.findall(r"<td>(.*?)</td>", rendered, re.DOTALL)
    shown = "".join(clean(text).split())
    assert [words(cell) for cell in cells] == [shown, shown, "end", "", shown + shown, ""]


@given(st.lists(TEXT, max_size=5).map("\n".join))
@example("\n".join(FORGERIES))
def test_a_quotation_ends_where_it_ends(text: str) -> None:
    rendered = READ.render("\n".join(["before", "", *quoted(text), "", "after"]))
    assert tags(rendered) <= {"p", "code", "blockquote", "br"}
    assert rendered.startswith("<p>before</p>")
    assert rendered.endswith("<p>after</p>\n")
    assert words(rendered) == "before" + "".join("".join(clean(line).split()) for line in text.splitlines()) + "after"


@given(TEXT)
@example("```\n</details>")
def test_nothing_ends_a_block_of_code(text: str) -> None:
    rendered = READ.render(fenced(text, "json"))
    assert tags(rendered) <= {"pre", "code"}
    assert rendered.count("<pre>") == 1


@given(TEXT)
def test_no_character_is_left_that_cannot_be_seen(text: str) -> None:
    assert not {unicodedata.category(c) for c in clean(text)} & {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("latency_ms is 0.9, at least 0.95", "latency_ms is 0.9, at least 0.95"),
        ("production runs churn@v1.3.0", "production runs `churn@v1.3.0`"),
        ("ask @bob about #12", "ask `@bob` about `#12`"),
        ("*best* so far", "\\*best\\* so far"),
        ("a | b", "a &#124; b"),
    ],
)
def test_plain_prose_stays_readable(text: str, shown: str) -> None:
    assert prose(text) == shown


def test_names_are_code_without_ado() -> None:
    assert code("sha256:abc") == "`sha256:abc`"
    assert code("") == ""
    assert code("a" * 400) == f"`{'a' * 299}…`"
