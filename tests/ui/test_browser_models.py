"""A person changes the model in a real browser: looks up, cancels, loads, and shares the link."""

import time
from pathlib import Path
from urllib.parse import quote

import pytest
from support.browser import MARKS, driven, serving, settled, until
from support.ggufs import write_gguf
from support.hub import serving_hub
from support.models import FAMILIES, PROMPT, save_model

import stability

pytestmark = MARKS


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return save_model(tmp_path_factory.mktemp("tiny"), FAMILIES["llama"]())


@pytest.fixture(scope="module")
def hub(folder):
    with serving_hub(folder) as server:
        yield server


@pytest.fixture(scope="module")
def hub_cache(tmp_path_factory):
    return tmp_path_factory.mktemp("hub")


@pytest.fixture(scope="module")
def temporary(tmp_path_factory):
    """The server's folder for what it keeps for a while."""
    return tmp_path_factory.mktemp("temporary")


@pytest.fixture(scope="module")
def server(smollm2_folder, hub, hub_cache, temporary):
    with serving(
        HF_ENDPOINT=hub.url,
        HF_HUB_CACHE=str(hub_cache),
        HF_HUB_OFFLINE="0",
        TMPDIR=str(temporary),
        XDG_DATA_HOME=str(hub_cache / "data"),
    ) as address:
        yield address


@pytest.fixture(scope="module")
def context():
    """What all pages share, so that what the app is made of is fetched once."""
    with driven() as browser:
        yield browser.new_context(viewport={"width": 1440, "height": 900})


@pytest.fixture
def visit(server, context):
    """Open the app at a link, and wait until it shows numbers."""
    pages = []

    def open_at(link=""):
        page = context.new_page()
        pages.append(page)
        page.goto(f"{server}/{link}")
        page.get_by_test_id("predicted").wait_for(timeout=90_000)
        settled(page)
        return page

    yield open_at
    for page in pages:
        page.close()


def dialog(page):
    return page.get_by_role("dialog")


def in_use(page):
    """The name of the model in the side bar."""
    return page.get_by_test_id("stSidebar").locator(".st-key-open_picker").inner_text()


def look_up(page, name):
    page.get_by_test_id("stSidebar").locator(".st-key-open_picker button").first.click()
    dialog(page).locator(".st-key-typed_model input").fill(name)
    dialog(page).get_by_role("button", name="Look it up").click()
    dialog(page).get_by_role("button", name="Back").wait_for(timeout=30_000)


def partial_files(cache: Path):
    return [*cache.rglob("*.incomplete")]


def test_a_person_cancels_a_download_and_then_loads_another_model(visit, folder, hub, hub_cache):
    page = visit()
    hub.flowing.clear()
    look_up(page, "owner/tiny")
    assert "apache-2.0" in dialog(page).inner_text()
    dialog(page).get_by_role("button", name="Download and load").click()
    page.wait_for_function("document.body.innerText.includes('Fetching owner/tiny')")
    until(page, lambda: partial_files(hub_cache))
    cancel = dialog(page).get_by_role("button", name="Cancel")
    cancel.click()
    # the button back has never left the screen while the server was slow
    cancel.wait_for(state="detached")
    hub.flowing.set()
    until(page, lambda: not partial_files(hub_cache))
    assert not [*hub_cache.rglob("*.safetensors")]
    assert "SmolLM2" in in_use(page)

    page.keyboard.press("Escape")
    dialog(page).wait_for(state="hidden")
    settled(page)
    look_up(page, str(folder))
    dialog(page).get_by_role("button", name="Load", exact=True).click()
    dialog(page).wait_for(state="hidden", timeout=60_000)
    page.wait_for_function(
        "name => document.querySelector('.st-key-open_picker').innerText.includes(name)",
        arg=folder.name,
    )
    box = page.get_by_label("Prompt", exact=True)
    box.fill(PROMPT)
    box.press("Enter")
    state = stability.load(str(folder), device="cpu").capture(PROMPT)
    predicted = stability.ray(state, stability.spectrum(state).vectors[:, 0]).predicted_radius(0.01)
    page.wait_for_function(
        "text => document.body.innerText.includes(text)", arg=f"{predicted:#.3g}", timeout=30_000
    )
    page.wait_for_url(lambda url: f"?model={quote(str(folder), safe='')}" in url)
    assert page.get_by_test_id("stException").count() == 0


def test_a_link_to_a_model_asks_first_and_then_opens_it(visit, hub):
    page = visit("?model=owner/tiny")
    dialog(page).get_by_role("button", name="Download and load").wait_for()
    assert "SmolLM2" in in_use(page)
    assert "apache-2.0" in dialog(page).inner_text()
    dialog(page).get_by_role("button", name="Download and load").click()
    page.wait_for_function(
        "document.querySelector('.st-key-open_picker').innerText.includes('owner/tiny')",
        timeout=60_000,
    )
    page.wait_for_url(lambda url: url.endswith("?model=owner%2Ftiny"))
    assert page.get_by_test_id("stException").count() == 0


def test_what_a_person_uploads_is_deleted_when_they_leave(visit, temporary, tmp_path):
    write_gguf(tmp_path / "own.gguf")
    page = visit()
    page.get_by_test_id("stSidebar").locator(".st-key-open_picker button").first.click()
    dialog(page).get_by_text("Upload a model").click()
    dialog(page).locator("input[type=file]").set_input_files(tmp_path / "own.gguf")
    dialog(page).get_by_role("button", name="Look at it").click()
    dialog(page).get_by_role("button", name="Back").wait_for(timeout=30_000)
    dialog(page).get_by_role("button", name="Load", exact=True).click()
    dialog(page).wait_for(state="hidden", timeout=60_000)
    assert [*temporary.rglob("own.gguf")]
    assert "model=" not in page.url
    page.close()
    deadline = time.monotonic() + 60
    while [*temporary.glob("stability-uploads-*")]:
        assert time.monotonic() < deadline
        time.sleep(0.1)
