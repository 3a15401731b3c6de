"""Pages of the Explorer in a browser: profiles of their own, and what their consoles say."""

from contextlib import contextmanager
from pathlib import Path

import pytest

ANSWER = "#result:not([aria-busy]) article.whyalike"

EXPECTED = "Failed to load resource"
"""What the console says of answers that say no, which are asked for here."""


@contextmanager
def opened_pages(browser, url):
    """Give what opens a page of a new browser profile. What its console says fails the test."""
    contexts, problems = [], []

    def open_page(path="/", width=1280, height=900, **options):
        context = browser.new_context(viewport={"width": width, "height": height}, **options)
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda message: problems.append(message.text))
        page.on("pageerror", lambda error: problems.append(str(error)))
        page.goto(url + path)
        return page

    yield open_page
    for context in contexts:
        context.close()
    said = [one for one in problems if not one.startswith(EXPECTED)]
    assert said == [], said


def assert_sound(page, name):
    """Check that a page, opened with ``bypass_csp``, fits its window and that axe finds nothing."""
    wide = page.evaluate("document.documentElement.scrollWidth - innerWidth")
    assert wide <= 0, f"{name} is {wide} px too wide"
    axe = pytest.importorskip("axe_playwright_python").__file__
    page.add_script_tag(path=Path(axe).parent / "axe.min.js")
    found = page.evaluate("axe.run().then(found => found.violations)")
    said = [(one["id"], [node["target"] for node in one["nodes"]][:3]) for one in found]
    assert said == [], f"{name}: {said}"
