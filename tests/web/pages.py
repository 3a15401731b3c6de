"""Pages of a server in a browser, and whether they are sound: for tests of the Explorer's pages."""

from pathlib import Path

import pytest

PART = {"X-Whyalike-Part": "result"}

# What the console says of answers that say no, which are asked for.
EXPECTED = "Failed to load resource"


class Pages:
    """Opens pages, each in a new profile. What their consoles say fails the test at the end."""

    def __init__(self, browser, url):
        self.browser, self.url = browser, url
        self.contexts, self.problems = [], []

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        for context in self.contexts:
            context.close()
        if kind is None:
            assert [one for one in self.problems if not one.startswith(EXPECTED)] == []

    def open(self, path="/", width=1280, height=900, **options):
        options = {"reduced_motion": "reduce", "bypass_csp": "color_scheme" in options, **options}
        context = self.browser.new_context(viewport={"width": width, "height": height}, **options)
        self.contexts.append(context)
        page = context.new_page()
        page.on("console", lambda message: self.problems.append(message.text))
        page.on("pageerror", lambda error: self.problems.append(str(error)))
        page.goto(self.url + path)
        return page


def axe_of(page):
    """What is wrong with a page: too wide, or what axe says."""
    wide = page.evaluate("document.documentElement.scrollWidth - innerWidth")
    assert wide <= 0, f"{wide} px too wide at {page.viewport_size}"
    axe = Path(pytest.importorskip("axe_playwright_python").__file__).parent / "axe.min.js"
    page.add_script_tag(path=axe)
    found = page.evaluate("axe.run().then(found => found.violations)")
    return [(one["id"], [node["target"] for node in one["nodes"]][:3]) for one in found]
