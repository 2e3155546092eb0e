"""/docs: the OpenAPI document as a page to read and to try, which needs nothing from the internet."""

from __future__ import annotations

import json
from html import escape
from typing import Any

_STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; max-width: 52rem; margin: 2rem auto; padding: 0 1rem; }
pre, textarea { font: 13px/1.4 ui-monospace, monospace; background: #f4f4f4; padding: .75rem; overflow: auto; }
textarea { width: 100%; box-sizing: border-box; border: 1px solid #bbb; }
td, th { text-align: left; padding: .1rem 1rem .1rem 0; vertical-align: top; }
button { font: inherit; padding: .3rem 1rem; }
"""
_SCRIPT = """
document.getElementById("ask").addEventListener("submit", async (event) => {
  event.preventDefault();
  const shown = document.getElementById("answer");
  shown.textContent = "...";
  try {
    const body = document.getElementById("body").value;
    const answer = await fetch("invocations", {method: "POST", headers: {"Content-Type": "application/json"}, body});
    shown.textContent = answer.status + " " + (await answer.text());
  } catch (error) {
    shown.textContent = String(error);
  }
});
"""


def format_page(description: dict[str, Any]) -> str:
    """The page for an OpenAPI document that `describe` made."""
    info, paths = description["info"], description["paths"]
    predict = paths["/invocations"]["post"]
    body = predict["requestBody"]["content"]["application/json"]
    example = json.dumps(body["example"], indent=2, ensure_ascii=False) if "example" in body else ""
    pages = "".join(
        f"<tr><td><code>{escape(method.upper())} {escape(path)}</code></td><td>{escape(what['summary'])}</td></tr>"
        for path, methods in paths.items()
        for method, what in methods.items()
    )
    answers = "".join(
        f"<tr><td>{escape(status)}</td><td>{escape(what['description'])}</td></tr>"
        for status, what in predict["responses"].items()
    )
    return f"""<!DOCTYPE html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>{escape(info["title"])}</title>
<style>{_STYLE}</style>
<h1>{escape(info["title"])}</h1>
<p>{escape(info["description"])}</p>
<table>{pages}</table>
<p><a href="openapi.json">openapi.json</a> describes it for programs.</p>
<h2>Predict</h2>
<form id="ask">
<textarea id="body" rows="14" spellcheck="false">{escape(example)}</textarea>
<p><button>POST /invocations</button></p>
</form>
<pre id="answer"></pre>
<h2>What it takes</h2>
<p>Also {escape(", ".join(name for name in predict["requestBody"]["content"] if name != "application/json"))}.</p>
<pre>{escape(json.dumps(body["schema"], indent=2, ensure_ascii=False))}</pre>
<h2>What it answers</h2>
<table>{answers}</table>
<pre>{escape(json.dumps(predict["responses"]["200"]["content"]["application/json"]["schema"], indent=2))}</pre>
<script>{_SCRIPT}</script>
</html>
"""
