"""What is taken away: files that hold the numbers of the picture, and where they come from."""

import copy
import json
import re
from xml.etree import ElementTree

import numpy as np
import pandas as pd
import pytest
from pyarrow import parquet
from support.paths import ROOT
from support.scenes import eigen_scene

import stability
from stability.curvature.direction_spec import DirectionSpec
from stability.curvature.directions import eigen
from stability.geometry.analysis import along
from stability.instrument.epsilons import EPSILON_STEPS
from stability.instrument.scene import pin, scene

pytestmark = [pytest.mark.browser, pytest.mark.slow]

LINK = "http://localhost:8501/?prompt=a%20b&epsilon=0.02"
VIEW = {"epsilon": 0.02, "t": 0.1}
# relative; the atoms that stand for a vocabulary may err by a tenth of it
AGREEMENT = 1e-6
SVG = "{http://www.w3.org/2000/svg}"
# tokens that a page or a table could take for something else
HOSTILE = [
    *(
        "<b>x</b>",
        "</script><script>globalThis.broken = true</script>",
        "<!-- x -->",
        "&lt;",
        "]]>",
    ),
    *('"', "#", "a,b", "=1+1", "@x", "-1", "'", "${x}", "\\u003c", "\u202e", "</title>", "`"),
]
# millimetres of a sheet, less its margins, at 96 pixels an inch
SHEETS = {"A4": (210, 297), "letter": (215.9, 279.4)}
MARGINS = (26, 18)


@pytest.fixture(scope="module")
def ray():
    random = np.random.default_rng(0)
    W = random.normal(size=(400, 12)) * random.gamma(2.0, size=(400, 1))
    state = stability.bare_state(W, 0.4 * random.normal(size=12))
    return stability.ray(state, stability.spectrum(state, k=6).vectors[:, 0])


@pytest.fixture(scope="module")
def made(ray):
    pairs = stability.spectrum(ray.state, k=6)
    return scene(along(ray.state, pairs, eigen(pairs, 0)), DirectionSpec.parse("eig:0"), second=1)


@pytest.fixture(scope="module")
def page(bundled, made):
    return bundled(made, LINK, **VIEW)


def taken(page, name, folder):
    """The file that a button of the menu hands over."""
    if page.locator(".takeaway").is_hidden():
        page.get_by_test_id("take-away").click()
    with page.expect_download() as started:
        page.get_by_role("button", name=name, exact=True).click()
    path = folder / started.value.suggested_filename
    started.value.save_as(path)
    return path


def test_boundaries_are_the_librarys_in_each_format_with_where_they_come_from(page, ray, tmp_path):
    csv = taken(page, "Boundaries at every ε: CSV", tmp_path)
    table = taken(page, "Boundaries at every ε: Parquet", tmp_path)
    text = taken(page, "Boundaries at every ε: JSON", tmp_path)
    assert csv.name == "boundaries_bare_token-0_prelogit_eig-0.csv"
    frame = pd.read_csv(csv, comment="#").dropna(axis="columns", how="all")
    expected = [t for epsilon in EPSILON_STEPS for t in ray.boundary(epsilon)]
    np.testing.assert_allclose(frame.actual, expected, rtol=AGREEMENT)
    assert [*frame.epsilon[::2]] == [*EPSILON_STEPS]
    read = pd.read_parquet(table)[frame.columns]
    pd.testing.assert_frame_equal(frame, read, check_dtype=False)
    told = json.loads(text.read_text("utf-8"))
    rows = pd.DataFrame(told["boundaries"])[frame.columns]
    pd.testing.assert_frame_equal(frame, rows, check_dtype=False)
    metadata = {k.decode(): v.decode() for k, v in parquet.read_schema(table).metadata.items()}
    comments = dict(re.findall(r"^# (\w+): (.+)$", csv.read_text("utf-8"), re.MULTILINE))
    for name in ("model", "revision", "dtype", "site", "prompt", "direction", "link"):
        assert metadata[name] == json.loads(comments[name]) == told["setting"][name]
    assert told["setting"]["link"] == LINK
    assert told["setting"]["versions"]["stability"] == stability.__version__


def test_the_other_tables_are_the_librarys(page, ray, made, tmp_path):
    told = json.loads(taken(page, "All tables: JSON", tmp_path).read_text("utf-8"))
    curve = pd.DataFrame(told["ray"])
    np.testing.assert_allclose(curve.kl, ray.kl(curve.t.to_numpy()), rtol=AGREEMENT, atol=1e-12)
    np.testing.assert_allclose(curve.closed_form, ray.quadratic(curve.t.to_numpy()), rtol=1e-9)
    shares = pd.DataFrame(told["probabilities"])
    some = shares[shares.id == shares.id[3]]
    expected = ray.probabilities(some.t.to_numpy(), np.array([shares.id[3]]))[0]
    np.testing.assert_allclose(some.probability, expected, rtol=AGREEMENT)
    assert [row["eigenvalue"] for row in told["spectrum"]] == made["spectrum"]["eigenvalues"]
    assert [row["id"] for row in told["next_tokens"]] == [token["id"] for token in made["next"]]
    minus, plus = (
        [row for row in told["flips"] if row["side"] == side] for side in ("minus", "plus")
    )
    for found, side in zip((minus, plus), ray.flips(limit=len(minus) + len(plus)), strict=True):
        assert [row["id"] for row in found] == [flip.id for flip in side[: len(found)]]


def test_the_budgets_of_the_tables_are_those_that_can_be_chosen(blank):
    steps = blank.evaluate("async () => (await import('/steps.js')).EPSILON_STEPS")
    assert steps == [*EPSILON_STEPS]


def test_a_figure_is_an_svg_that_stands_alone(page, tmp_path):
    root = ElementTree.parse(taken(page, "The ray: SVG", tmp_path)).getroot()
    assert "eigendirection 1" in root.find(f"{SVG}title").text
    assert root.find(f"{SVG}desc").text
    assert root.find(f"{SVG}rect").get("fill") == "#ffffff"
    written = ElementTree.tostring(root, encoding="unicode")
    assert "var(" not in written
    assert "class=" not in written
    assert "actual KL" in "".join(root.itertext())


WIDTHS = """async (text) => {
    document.body.innerHTML = text;
    await document.fonts.ready;
    return [...document.querySelectorAll("text")].map((one) => one.getBoundingClientRect().width);
}"""


@pytest.fixture(scope="module")
def planar(bundled, analysis):
    return bundled(eigen_scene(analysis), LINK, epsilon=0.1, point=[0.05, 0.03])


@pytest.mark.parametrize("name", ["The ray", "Region", "Spectrum", "What the direction means"])
def test_a_saved_figure_keeps_its_widths_where_its_font_is_not_known(
    planar, browser, tmp_path, name
):
    text = taken(planar, f"{name}: SVG", tmp_path).read_text("utf-8")
    assert "'Source Sans 3'" in text
    elsewhere = browser.new_page()
    # in letters a third wider
    own, other = (
        elsewhere.evaluate(WIDTHS, written)
        for written in (text, re.sub(r"'Source Sans 3'.*?sans-serif", "monospace", text))
    )
    elsewhere.close()
    assert own == pytest.approx(other, abs=1.5)
    assert sum(width > 0 for width in own) > 5


def test_the_saved_region_has_the_point_that_is_dragged(planar, tmp_path):
    page = planar
    knob = page.locator(".plane-knob").bounding_box()
    plane = page.locator("svg.plane").bounding_box()
    root = ElementTree.parse(taken(page, "Region: SVG", tmp_path)).getroot()
    round_ones = [box for box in root.iter(f"{SVG}rect") if float(box.get("rx", 0)) == 8.5]
    [ground, edge] = round_ones
    assert (ground.get("fill"), edge.get("stroke")) == ("rgb(255, 255, 255)", "rgb(31, 35, 40)")
    [drawn] = root.findall(f"{SVG}svg")
    place = [float(edge.get(name)) - float(drawn.get(name)) for name in "xy"]
    assert place == pytest.approx([knob[name] - plane[name] for name in "xy"], abs=0.6)


def test_a_picture_has_two_or_three_pixels_for_one(page, tmp_path):
    sizes = []
    for scale in (2, 3):
        data = taken(page, f"The ray: PNG {scale}×", tmp_path).read_bytes()
        assert data.startswith(b"\x89PNG")
        sizes.append((int.from_bytes(data[16:20]), int.from_bytes(data[20:24])))
    (width, height), larger = sizes
    assert larger == (width * 3 // 2, height * 3 // 2)


def test_a_dark_page_gives_the_light_figure(page, tmp_path):
    light = taken(page, "The ray: SVG", tmp_path).read_text("utf-8")
    page.emulate_media(color_scheme="dark")
    dark = taken(page, "The ray: SVG", tmp_path).read_text("utf-8")
    page.emulate_media(color_scheme="light")
    assert dark == light


def offline(browser, path):
    """A saved page, opened by a browser without a network."""
    context = browser.new_context(offline=True)
    page = context.new_page()
    page.on("pageerror", lambda error: pytest.fail(str(error)))
    asked = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(f"file://{path}")
    return page, asked


def test_the_saved_instrument_moves_without_a_network_and_can_be_saved_again(
    page, browser, tmp_path
):
    path = taken(page, "The instrument, live: HTML", tmp_path)
    saved, asked = offline(browser, path)
    saved.get_by_test_id("figure-ray").wait_for()
    before = saved.get_by_test_id("predicted").text_content()
    saved.get_by_test_id("epsilon").press("ArrowRight")
    saved.wait_for_function(
        "before => document.querySelector('[data-testid=predicted]').textContent !== before",
        arg=before,
    )
    assert asked == [f"file://{path}"]
    again = taken(saved, "The instrument, live: HTML", tmp_path / "again")
    assert again.stat().st_size == pytest.approx(path.stat().st_size, rel=0.01)
    saved.context.close()


def test_a_saved_figure_is_that_figure_and_what_moves_it(page, browser, tmp_path):
    saved, _ = offline(browser, taken(page, "The ray: HTML", tmp_path))
    saved.get_by_test_id("figure-ray").wait_for()
    assert saved.get_by_test_id("epsilon").is_visible()
    assert saved.get_by_test_id("figure-region").is_hidden()
    saved.context.close()


@pytest.mark.parametrize("sheet", SHEETS)
def test_a_report_is_one_page(page, browser, tmp_path, sheet):
    saved, _ = offline(browser, taken(page, "A report to print: HTML", tmp_path))
    saved.emulate_media(media="print")
    width, height = (
        round((size - margin) * 96 / 25.4)
        for size, margin in zip(SHEETS[sheet], MARGINS, strict=True)
    )
    saved.set_viewport_size({"width": width, "height": 400})
    assert saved.evaluate("document.documentElement.scrollHeight") <= height
    text = saved.locator("body").inner_text()
    assert LINK in text
    assert "ray.predicted_radius(epsilon)" in text
    saved.context.close()


def test_a_report_cites_as_the_readme_does(blank):
    cite = "async (version) => (await import('/report.js')).citation(version)"
    said = re.search(r"```bibtex\n(.+?)\n```", (ROOT / "README.md").read_text("utf-8"), re.DOTALL)
    assert blank.evaluate(cite, stability.__version__) == said[1]


def hostile(made):
    """A scene whose every text is one that a page could take for markup."""
    sent = copy.deepcopy(made)
    texts = HOSTILE * 4
    line = sent["line"]
    line["texts"] = texts[: len(line["ids"])]
    for tokens in (sent["next"], sent["tokens"]):
        for token, text in zip(tokens, texts, strict=False):
            token["text"] = text
    attack = "<img src=x onerror='globalThis.broken = true'></style></script><!--<script>"
    sent["setting"] |= {"prompt": attack}
    sent["setting"]["model"] |= {"name": attack, "title": attack}
    return sent


@pytest.mark.parametrize("name", ["A report to print: HTML", "The instrument, live: HTML"])
def test_hostile_texts_are_shown_and_not_run(bundled, browser, made, tmp_path, name):
    page = bundled(hostile(made), LINK, **VIEW)
    saved, _ = offline(browser, taken(page, name, tmp_path))
    saved.locator("body").wait_for()
    assert saved.evaluate("globalThis.broken") is None
    assert saved.locator("img").count() == 0
    assert "<img src=x" in saved.locator("body").inner_text() or "live" in name
    saved.context.close()


def test_hostile_texts_stand_in_one_cell_each(bundled, made, tmp_path):
    sent = hostile(made)
    page = bundled(sent, LINK, **VIEW)
    frame = pd.read_csv(
        taken(page, "Next tokens: CSV", tmp_path), comment="#", keep_default_na=False
    )
    assert len(frame) == len(sent["next"])
    written = [text.removeprefix("'") for text in frame.text]
    assert written == [token["text"] for token in sent["next"]]
    assert not [text for text in frame.text if re.match(r"[=+\-@]", text)]


def pasted(page):
    """What the clipboard holds: a page whose address begins with http may not read it."""
    page.evaluate("document.body.append(document.createElement('textarea'))")
    field = page.locator("body > textarea")
    field.press("Control+v")
    text = field.input_value()
    field.evaluate("node => node.remove()")
    return text


def test_what_is_copied_is_in_the_clipboard_and_it_is_said(page):
    for testid, start in (("copy-link", LINK), ("copy-python", "import stability")):
        page.get_by_test_id(testid).click()
        page.get_by_text("Copied").wait_for()
        assert pasted(page).startswith(start)


def test_where_a_browser_lets_no_page_copy_the_text_is_shown(bundled, made):
    page = bundled(made, **VIEW)
    page.evaluate("document.execCommand = () => false")
    page.get_by_test_id("copy-python").click()
    assert page.locator(".tools-text").input_value().startswith("import stability")


def test_the_menu_is_closed_by_escape_which_goes_back_to_its_button(page):
    button = page.get_by_test_id("take-away")
    if page.locator(".takeaway").is_hidden():
        button.press("Enter")
    page.locator(".takeaway button").first.focus()
    page.keyboard.press("Escape")
    assert page.locator(".takeaway").is_hidden()
    assert button.evaluate("node => node === document.activeElement")


def test_a_saved_page_looks_as_the_page_does(page, browser, tmp_path):
    font = "getComputedStyle(document.querySelector('.instrument')).font"
    saved, _ = offline(browser, taken(page, "The instrument, live: HTML", tmp_path))
    saved.get_by_test_id("figure-ray").wait_for()
    assert saved.evaluate(font) == page.evaluate(font)
    saved.context.close()


def test_a_ray_that_is_kept_has_rows_of_its_own(blank, made):
    made = made | {"pins": [pin(made)]}
    tables = blank.evaluate(
        """async ([scene, view]) => {
            const { modeller } = await import("/model.js");
            const { INITIAL } = await import("/view.js");
            const { tables } = await import("/tables.js");
            return tables(modeller()(scene, { ...INITIAL, ...view }));
        }""",
        [made, VIEW],
    )
    for table in tables[:3]:
        columns = {column["name"]: column["values"] for column in table["columns"]}
        half = len(columns["ray"]) // 2
        assert columns["ray"] == [0] * half + [1] * half
        assert all(
            values[:half] == values[half:] for name, values in columns.items() if name != "ray"
        )
