"""axe-core over a page: which of the WCAG rules it can judge are broken."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import axe_playwright_python
from playwright.sync_api import Page

SOURCE = Path(axe_playwright_python.__file__).with_name("axe.min.js")
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
GRAVE = ("serious", "critical")
QUIET_MS, LONGEST_MS = 500, 8000
# Gradio draws a page piece by piece, and once more when the events of its loading come back.
SETTLED = """([quiet, longest]) => new Promise((resolve) => {
  let timer = setTimeout(resolve, quiet);
  setTimeout(resolve, longest);
  new MutationObserver(() => { clearTimeout(timer); timer = setTimeout(resolve, quiet); })
    .observe(document, { childList: true, subtree: true, attributes: true, characterData: true });
})"""
RUN = "(rules) => axe.run(document, { runOnly: { type: 'tag', values: rules }, resultTypes: ['violations'] })"


def settle(page: Page) -> None:
    """Wait until nothing on the page has changed for half a second."""
    page.evaluate(SETTLED, [QUIET_MS, LONGEST_MS])


def grave(page: Page) -> list[str]:
    """Serious and critical violations, each with the first places where it is."""
    if not page.evaluate("'axe' in window"):
        page.evaluate(SOURCE.read_text(encoding="utf-8"))  # no script tag: the pages' policy refuses one
    found: list[dict[str, Any]] = page.evaluate(RUN, RULES)["violations"]
    return [_line(one) for one in found if one["impact"] in GRAVE]


def _line(violation: dict[str, Any]) -> str:
    places = "; ".join(f"{node['html'][:160]} ({node['failureSummary'][:200]})" for node in violation["nodes"][:4])
    return f"{violation['impact']} {violation['id']}: {violation['help']}, {len(violation['nodes'])} x: {places}"
