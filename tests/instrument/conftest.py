"""The instrument's scripts, run by a browser as it runs them for a person."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from support.browser import driven
from support.scenes import Scene, eigen_analysis, ray_scene
from support.states import random_state

from stability import instrument
from stability.geometry.analysis import Analysis
from stability.geometry.ray import Ray
from stability.instrument.bundle import module

HERE = Path(instrument.__file__).parent
ADDRESS = "http://instrument/"
# mounts the instrument on an empty page, and keeps what it asks the server for
MOUNT = """async ([scene, view, address]) => {
    const { mount, INITIAL } = await import("/all.js");
    const root = document.body.appendChild(document.createElement("div"));
    const events = [], views = [];
    const host = { send: (event) => events.push(event), remember: (view) => views.push(view) };
    if (address) host.link = () => address;
    const mounted = mount(root, host, { ...INITIAL, ...view });
    if (scene) mounted.receive(scene);
    Object.assign(globalThis, { mounted, events, views });
    await new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)));
}"""


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    """Chromium, driven."""
    with driven() as browser:
        yield browser


@pytest.fixture(scope="session")
def made() -> tuple[Ray, Scene]:
    """A ray, and its scene for a prompt of five tokens."""
    return ray_scene(random_state(seed=3))


@pytest.fixture(scope="session")
def analysis() -> Analysis:
    """A state of few tokens along the first of its eigendirections."""
    return eigen_analysis(random_state(gain=2.0))


def opened(browser: Any, width: int = 1140, height: int = 900, **options: Any) -> Any:
    """An empty page that can import the scripts and has the style."""
    page = browser.new_page(viewport={"width": width, "height": height}, **options)

    def serve(route: Any) -> None:
        script = HERE / "js" / route.request.url.rpartition("/")[2]
        if script.name == "all.js":
            # as one module: fetched one by one, scripts take seconds
            route.fulfill(body=module("instrument", "view"), content_type="text/javascript")
        elif script.suffix == ".js" and script.is_file():
            route.fulfill(body=script.read_text("utf-8"), content_type="text/javascript")
        else:
            style = (HERE / "instrument.css").read_text("utf-8")
            body = f"<!doctype html><html lang=en><title>Test</title><style>{style}</style>"
            route.fulfill(body=body, content_type="text/html; charset=utf-8")

    page.route("**/*", serve)
    page.goto(ADDRESS)
    return page


@pytest.fixture(scope="session")
def scripts(browser: Any) -> Callable[..., Any]:
    """Call a function in Chromium: `scripts("law.js", "kl", law, [[0.1], [0.2]])`.

    Or a method of what it makes: `scripts("plane.js", "plane.kl", sent, [[0.1, 0.2]])`.
    """
    page = opened(browser)

    def call(script: str, name: str, first: Any, rest: list[list[Any]]) -> Any:
        function, _, method = name.partition(".")
        called = f"made.{method}(...others)" if method else f"{function}(first, ...others)"
        return page.evaluate(
            f"""async ([first, rest]) => {{
                const {{ {function} }} = await import("/{script}");
                const made = {f"{function}(first)" if method else "null"};
                return rest.map((others) => {called});
            }}""",
            [first, rest],
        )

    return call


@pytest.fixture(scope="session")
def blank(browser: Any) -> Any:
    """An empty page that can import the scripts."""
    return opened(browser)


# a page as it was before anybody was here
CLEARED = """() => {
    globalThis.mounted?.destroy();
    document.body.replaceChildren();
    localStorage.clear();
    scrollTo(0, 0);
}"""


@pytest.fixture(scope="session")
def stage(browser: Any) -> tuple[Any, list[str]]:
    """A page on which instruments are mounted one after another, and what it complains of."""
    page, errors = opened(browser), []
    listen(page, errors)
    return page, errors


def listen(page: Any, errors: list[str]) -> None:
    """Keep what a page raises, or writes to the console as an error."""
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("console", lambda said: said.type == "error" and errors.append(said.text))


@pytest.fixture
def mounted(browser: Any, stage: tuple[Any, list[str]]) -> Iterator[Callable[..., Any]]:
    """The page of an instrument that has received a scene: `mounted(scene, epsilon=0.1)`.

    It is the same page for all, cleared, except on a device. No error is raised, nor written to the
    console, as long as the instrument is there.
    """
    (shared, errors), own = stage, []
    errors.clear()

    def mount(
        scene: Any,
        width: int = 1140,
        height: int = 900,
        device: Any = None,
        address: str | None = None,
        **view: Any,
    ) -> Any:
        page = opened(browser, width, height, **device) if device else shared
        if device:
            own.append(page)
            listen(page, errors)
        else:
            page.evaluate(CLEARED)
            page.set_viewport_size({"width": width, "height": height})
            page.mouse.move(0, 0)
        page.evaluate(MOUNT, [scene, view, address])
        return page

    yield mount
    for page in own:
        page.close()
    assert errors == []


# mounts the one text that all hosts mount
MOUNT_BUNDLE = """async ([text, scene, view, link]) => {
    const url = URL.createObjectURL(new Blob([text], { type: "text/javascript" }));
    const { mount, INITIAL } = await import(url);
    const root = document.body.appendChild(document.createElement("div"));
    mount(root, { send() {}, link: () => link }, { ...INITIAL, ...view }).receive(scene);
    for (let i = 0; i < 4; i += 1) await new Promise(requestAnimationFrame);
}"""


@pytest.fixture(scope="module")
def bundled(browser: Any) -> Iterator[Callable[..., Any]]:
    """The page of an instrument made of the one text: `bundled(scene, "http://a/link", t=0.1)`."""
    pages = []

    def mount(scene: Any, link: str | None = None, **view: Any) -> Any:
        page = opened(browser)
        pages.append(page)
        page.on("pageerror", lambda error: pytest.fail(str(error)))
        text = module("instrument", "view")
        page.evaluate(MOUNT_BUNDLE, [text, scene, view, link])
        return page

    yield mount
    for page in pages:
        page.close()
