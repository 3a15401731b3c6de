"""The reference and the login in a real browser, with axe; what logs in there; a copied picture."""

from pathlib import Path

import pytest

pytest.importorskip("playwright.sync_api", reason="needs the package playwright")
pytest.importorskip("fastapi", reason="needs the extra 'serve'")

from serving_apps import serving

from whyalike.web.serving import create_explorer_app

# What the console says of answers that say no, which are asked for here.
EXPECTED = "Failed to load resource"
TOKEN = "0123456789abcdef-Zurich"
LEFT, RIGHT = "warm gloves for phones", "mittens to text with"
PNG = [0x89, *b"PNG\r\n\x1a\n"]


@pytest.fixture(scope="module")
def open_url(service):
    with serving(create_explorer_app(service)) as url:
        yield url


@pytest.fixture(scope="module")
def closed_url(service):
    with serving(create_explorer_app(service, token=TOKEN)) as url:
        yield url


@pytest.fixture
def open_page(browser):
    """A page of a new browser profile. What its console says fails the test."""
    contexts, problems = [], []

    def open_page(url, width=1280, height=900, **options):
        context = browser.new_context(viewport={"width": width, "height": height}, **options)
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda message: problems.append(message.text))
        page.on("pageerror", lambda error: problems.append(str(error)))
        page.goto(url)
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert [one for one in problems if not one.startswith(EXPECTED)] == []


def log_in(page, token):
    page.get_by_label("Token").fill(token)
    page.keyboard.press("Enter")


@pytest.mark.parametrize("name", ["docs", "login", "wrong"])
def test_reference_and_login_are_sound_small_and_wide_light_and_dark(
    open_page, open_url, closed_url, name
):
    package = pytest.importorskip("axe_playwright_python", reason="needs axe-playwright-python")
    axe_source = Path(package.__file__).parent.joinpath("axe.min.js")
    url = f"{open_url}/api/docs" if name == "docs" else f"{closed_url}/login"
    page = open_page(url, reduced_motion="reduce", bypass_csp=True)
    if name == "wrong":
        log_in(page, "not the token")
        page.get_by_role("alert").wait_for()
    page.add_script_tag(path=axe_source)
    for width in (360, 1600):
        for scheme in ("light", "dark"):
            page.set_viewport_size({"width": width, "height": 900})
            page.emulate_media(color_scheme=scheme)
            wide = page.evaluate("document.documentElement.scrollWidth - innerWidth")
            assert wide <= 0, f"{name} is {wide} px too wide at {width}"
            found = page.evaluate("axe.run().then(found => found.violations)")
            said = [(one["id"], [node["target"] for node in one["nodes"]][:3]) for one in found]
            assert said == [], f"{name} at {width}, {scheme}"


def test_who_logs_in_by_the_form_can_use_pages_and_api(open_page, closed_url):
    page = open_page(f"{closed_url}/compare?query=warm+hat")
    assert page.url.startswith(f"{closed_url}/login?next=")
    ask = """() => fetch('/api/v1/explain', {
        method: 'POST',
        headers: {'content-type': 'application/json'},
        body: JSON.stringify({left: 'warm gloves', right: 'woollen mittens'}),
    }).then(async answer => [answer.status, await answer.json()])"""
    status, said = page.evaluate(ask)
    assert (status, "token" in said["error"]) == (401, True)
    log_in(page, "not the token of this")
    page.get_by_text("This is not the token of this server.").wait_for()
    assert page.context.cookies() == []
    log_in(page, TOKEN)
    page.wait_for_url(f"{closed_url}/compare?query=warm+hat")
    assert page.get_by_label("Query").input_value() == "warm hat"
    # The page's own scripts are let in too.
    page.locator("#first").fill("zip")
    page.locator("#second").fill("a warm hat")
    page.get_by_role("heading", name="Text B is scored above text A").wait_for()
    status, said = page.evaluate(ask)
    assert status == 200
    assert said["left"]["text"] == "warm gloves"
    assert TOKEN not in page.evaluate("document.cookie + document.documentElement.outerHTML")
    # What was closed with the window stays in; another profile is not let in.
    again = page.context.new_page()
    again.goto(f"{closed_url}/api/docs")
    assert again.get_by_role("heading", name="API", exact=True).count() == 1
    assert "/login" in open_page(f"{closed_url}/").url


def test_who_logs_out_by_the_button_is_out_and_leaves_no_text(open_page, closed_url):
    page = open_page(f"{closed_url}/login")
    log_in(page, TOKEN)
    page.locator("#left").fill(LEFT)
    page.locator("#right").fill(RIGHT)
    page.wait_for_function("text => JSON.stringify({...sessionStorage}).includes(text)", arg=LEFT)
    page.get_by_role("button", name="Log out").click()
    page.wait_for_url(f"{closed_url}/login")
    assert page.context.cookies() == []
    assert LEFT not in page.evaluate("JSON.stringify({...sessionStorage})")
    page.goto(f"{closed_url}/compare")
    assert page.url.startswith(f"{closed_url}/login")
    page.go_back()
    assert LEFT not in page.content()


def test_a_picture_is_copied_and_saved(open_page, open_url, tmp_path):
    pytest.importorskip("matplotlib", reason="needs the extra 'plot'")
    page = open_page(
        f"{open_url}/?left={LEFT}&right={RIGHT}", permissions=["clipboard-read", "clipboard-write"]
    )
    page.get_by_role("button", name="PNG").click()
    page.get_by_text("Copied: ").wait_for()
    found = page.evaluate(
        """async () => {
            const [item] = await navigator.clipboard.read();
            const picture = await item.getType('image/png');
            const drawn = await createImageBitmap(picture);
            const bytes = new Uint8Array(await picture.arrayBuffer());
            return {types: item.types, start: [...bytes.slice(0, 8)], size: [drawn.width, drawn.height]};
        }"""
    )
    assert found["types"] == ["image/png"]
    assert found["start"] == PNG
    assert min(found["size"]) > 100
    with page.expect_download() as waiting:
        page.get_by_role("link", name="PNG").click()
    path = tmp_path / waiting.value.suggested_filename
    waiting.value.save_as(path)
    assert path.suffix == ".png"
    assert [*path.read_bytes()[:8]] == PNG
