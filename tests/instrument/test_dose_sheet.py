"""The sheet of a dose as a person uses it, on the scene that ships with the package."""

import ast
import copy
import csv
import json
import shlex

import pytest
from support.axe import serious
from support.drawn import settled

from stability.cli.parser import parser
from stability.instrument import bundle
from stability.steering.scenes.first import first
from stability.text import digits, in_nats

pytestmark = [pytest.mark.browser, pytest.mark.slow]

SCENE = first()
MOUNT = """async ([text, scene, view]) => {
    if (!globalThis.doseText) {
        const url = URL.createObjectURL(new Blob([text], { type: "text/javascript" }));
        globalThis.doseText = await import(url);
    }
    const { mount, INITIAL } = globalThis.doseText;
    const root = document.body.appendChild(document.createElement("main"));
    const events = [];
    const host = { send: (event) => events.push(event), link: () => "http://a/" };
    globalThis.mounted = mount(root, host, { ...INITIAL, ...view });
    globalThis.mounted.receive(scene);
    Object.assign(globalThis, { events });
}"""


@pytest.fixture
def sheet(mounted):
    """The page of a sheet: `sheet(scene, c=1.0)`."""

    def mount(scene=SCENE, width=1140, **view):
        page = mounted(None, width=width)
        page.evaluate("() => { globalThis.mounted.destroy(); document.body.replaceChildren(); }")
        page.evaluate(MOUNT, [bundle.module("dose_sheet", "dose_view"), scene, view])
        settled(page)
        return page

    return mount


def said(page, name):
    return page.get_by_test_id(name).inner_text()


def asked(page, kind):
    """What the sheet has asked the server for, without the view that came with it."""
    return page.evaluate(
        "(kind) => events.filter((event) => event.kind === kind).map(({ view, ...event }) => event)",
        kind,
    )


def budget(epsilon, statistic):
    [row] = [
        row
        for row in SCENE["truth"]["doses"]
        if (row["epsilon"], row["statistic"]) == (epsilon, statistic)
    ]
    information = SCENE["information"][statistic]
    return (2 * epsilon / information) ** 0.5, row["minus"], row["plus"]


def test_the_verdict_and_the_numbers_are_those_of_the_budget_and_no_server_is_asked(sheet):
    page = sheet()
    for epsilon in (0.01, 1, 0.1):
        page.get_by_test_id(f"epsilon-{epsilon}").click()
        for statistic, over in (("last", "last token"), ("mean", "mean of tokens")):
            page.get_by_test_id(f"statistic-{statistic}").click()
            settled(page)
            predicted, minus, plus = budget(epsilon, statistic)
            assert said(page, "dose-predicted") == digits(predicted)
            assert said(page, "dose-minus") == digits(minus)
            assert said(page, "dose-plus") == digits(plus)
            assert said(page, "dose-verdict") == (
                f"This vector may be applied from −{digits(minus)} to {digits(plus)} before the "
                f"prediction changes by {in_nats(str(epsilon))} ({over}); the formula says "
                f"{digits(predicted)} on either side."
            )
    assert page.evaluate("events.length") == 0
    assert "do not measure the quality of a text" in page.locator(".verdict").inner_text()


def test_until_the_truth_is_there_the_formula_speaks(sheet):
    page = sheet(SCENE | {"truth": None})
    predicted = digits(budget(0.1, "p95")[0])
    assert said(page, "dose-verdict").startswith(
        f"By the formula this vector may be applied from −{predicted} to {predicted} before"
    )
    assert (said(page, "dose-minus"), said(page, "dose-plus")) == ("…", "…")


def test_a_side_that_is_not_reached_or_that_rounding_hides_is_said(sheet):
    scene = copy.deepcopy(SCENE)
    for row in scene["truth"]["doses"]:
        row.update(minus=None, plus=None, kinds=["unresolved", "not reached"])
    page = sheet(scene)
    limit = digits(scene["truth"]["limit"])
    assert f"from within rounding to beyond {limit}" in said(page, "dose-verdict")
    assert (said(page, "dose-minus"), said(page, "dose-plus")) == (
        "lost in rounding",
        "not reached",
    )


def shares(page):
    return page.evaluate(
        """() => [...document.querySelectorAll("[data-testid^=dose-token-]")]
            .map((one) => one.style.background)"""
    )


def test_dragging_moves_the_text_at_once_and_the_network_is_asked_for_when_the_hand_rests(
    sheet, blank
):
    page = sheet()
    # at the predicted dose of ε, whose true divergences have come with the scene
    [known] = SCENE["passes"]
    assert f"c = +{digits(known['c'])}" in said(page, "at-coefficient")
    colour = """async (values) => {
        const { cividis } = await import("/cividis.js");
        const { klShare } = await import("/dose_law.js");
        const probe = document.createElement("i");
        return values.map((kl) => {
            probe.style.background = cividis(klShare(kl));
            return probe.style.background;
        });
    }"""
    assert shares(page) == blank.evaluate(colour, known["kl"])
    thumb = page.get_by_test_id("coefficient")
    box = thumb.bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + 60, y, steps=4)
    settled(page)
    c = float(thumb.get_attribute("aria-valuenow"))
    assert c > known["c"]
    predicted = [0.5 * token["information"] * c * c for token in SCENE["tokens"]]
    assert shares(page) == blank.evaluate(colour, predicted)
    text = page.get_by_label("The text", exact=True)
    assert "predicted; true once the network has been run there" in text.inner_text()
    page.mouse.up()
    page.wait_for_function("events.length > 0")
    assert asked(page, "steer") == [{"kind": "steer", "c": c}]
    true = [nats / 2 for nats in predicted]
    leading = known["leading"]
    now = SCENE | {"passes": [known, {"c": c, "kl": true, "leading": leading}]}
    page.evaluate("(scene) => mounted.receive(scene)", now)
    settled(page)
    assert shares(page) == blank.evaluate(colour, true)
    assert "(true)" in page.get_by_label("The text", exact=True).inner_text()


def test_the_slider_obeys_its_keys(sheet):
    page = sheet(c=0)
    thumb = page.get_by_test_id("coefficient")
    assert thumb.get_attribute("role") == "slider"
    step = budget(0.1, "p95")[0] / 20
    thumb.focus()
    for key, c in (
        ("ArrowRight", step),
        ("0", 0),
        ("PageDown", -10 * step),
        ("Home", -SCENE["extent"]),
        ("End", SCENE["extent"]),
    ):
        page.keyboard.press(key)
        settled(page)
        assert float(thumb.get_attribute("aria-valuenow")) == pytest.approx(c, rel=1e-3), key
    assert "nats, 95 % of tokens" in thumb.get_attribute("aria-valuetext")


def test_what_lies_beyond_the_picture_widens_it(sheet):
    page = sheet(c=80000)
    thumb = page.get_by_test_id("coefficient")
    assert thumb.get_attribute("aria-valuenow") == thumb.get_attribute("aria-valuemax") == "80000"
    assert said(page, "at-coefficient").startswith(f"c = +{digits(80000.0)}: predicted")
    page.wait_for_function("events.length > 0")
    assert asked(page, "steer") == [{"kind": "steer", "c": 80000}]
    scene = copy.deepcopy(SCENE)
    scene["prices"][-1]["plus"][0]["coefficient"] = 400.0
    page = sheet(scene)
    page.get_by_test_id("price-0").click()
    settled(page)
    thumb = page.get_by_test_id("coefficient")
    assert (thumb.get_attribute("aria-valuenow"), thumb.get_attribute("aria-valuemax")) == (
        "400",
        "400",
    )
    # what was in the picture stays there, and no key goes beyond it
    thumb.focus()
    page.keyboard.press("ArrowLeft")
    page.evaluate("(scene) => mounted.receive(scene)", scene)
    page.keyboard.press("PageUp")
    settled(page)
    assert thumb.get_attribute("aria-valuenow") == thumb.get_attribute("aria-valuemax") == "400"


def test_a_coefficient_that_the_server_has_forgotten_is_asked_for_again(sheet):
    page = sheet(c=0)
    thumb = page.get_by_test_id("coefficient")
    thumb.focus()
    for count, key in enumerate(("PageUp", "PageUp", "PageDown"), start=1):
        page.keyboard.press(key)
        page.wait_for_function(
            "(n) => events.filter(({ kind }) => kind === 'steer').length === n", arg=count
        )
    first, _, again = asked(page, "steer")
    assert again == first
    # the same scene once more, which has not been answered yet
    page.evaluate("(scene) => mounted.receive(scene)", SCENE)
    page.wait_for_timeout(600)
    assert len(asked(page, "steer")) == 3


def test_what_is_projected_out_is_measured_by_the_states(sheet):
    scene = copy.deepcopy(SCENE)
    predicted = budget(0.1, "p95")[0]
    note = "dl.dose-numbers .note >> nth=0"
    assert (
        sheet(scene).locator(note).inner_text()
        == f"a length of {digits(predicted * scene['setting']['vector']['norm'])}"
    )
    scene["setting"]["vector"]["mode"] = "project"
    part = digits(predicted / scene["reach"])
    assert sheet(scene).locator(note).inner_text() == f"{part} of the states' length"


def test_why_there_are_no_prices_is_said_in_their_place(sheet):
    page = sheet(SCENE | {"prices": None, "prices_note": "No prices: a reason."})
    assert "No prices: a reason." in page.get_by_test_id("figure-prices").inner_text()


def test_doses_are_marked_where_they_are_on_both_scales(sheet):
    for linear in (False, True):
        page = sheet(linear=linear)
        extent, [left, right] = (
            SCENE["extent"],
            page.evaluate(
                """() => {
            const plot = document.querySelector("[data-testid=figure-dose] .plot");
            const start = Number(plot.getAttribute("x"));
            return [start, start + Number(plot.getAttribute("width"))];
        }"""
            ),
        )
        stems = page.evaluate(
            """() => [...document.querySelectorAll(".dose-stems line")].map((line) =>
                [line.getAttribute("class"), Number(line.getAttribute("x1"))])"""
        )
        assert len(stems) == 12
        assert min(x for _, x in stems) > left
        assert max(x for _, x in stems) < right
        if linear:
            expected = []
            for epsilon in (0.01, 0.1, 1):
                predicted, minus, plus = budget(epsilon, "p95")
                expected += [-predicted, -minus, predicted, plus]
            c = [(2 * (x - left) / (right - left) - 1) * extent for _, x in stems]
            assert c == pytest.approx(expected, abs=0.01)


def test_a_token_is_chosen_and_its_price_is_paid(sheet):
    page = sheet()
    page.get_by_test_id("dose-token-5").click()
    settled(page)
    prices = SCENE["prices"][5]
    price = prices["plus"][0]
    assert said(page, "price-0").split()[0] == price["text"]
    assert f"+{digits(price['coefficient'])}" in said(page, "price-0")
    assert said(page, "price-0").split()[-1] == digits(price["nats"])
    assert f"−{digits(prices['minus'][0]['coefficient'])}" in said(page, "price-minus-0")
    page.keyboard.press("ArrowRight")
    settled(page)
    assert page.get_by_test_id("dose-token-6").get_attribute("aria-pressed") == "true"
    text = SCENE["prices"][6]["plus"][0]["text"]
    assert said(page, "price-0").split()[0] == text
    page.get_by_test_id("price-0").click()
    settled(page)
    c = min(SCENE["prices"][6]["plus"][0]["coefficient"], SCENE["extent"])
    now = float(page.get_by_test_id("coefficient").get_attribute("aria-valuenow"))
    assert now == pytest.approx(c, rel=1e-3)


def test_a_layer_is_drawn_at_its_dose_and_chosen(sheet):
    page = sheet()
    layer = page.get_by_test_id("layer-20")
    information = SCENE["layers"][20]["information"]["p95"]
    dose = digits((0.2 / information) ** 0.5)
    assert layer.get_attribute("aria-label") == f"after block:20: predicted dose {dose}"
    assert page.get_by_test_id("layer-15").get_attribute("aria-checked") == "true"
    layer.click()
    page.get_by_test_id("layer-15").focus()
    page.keyboard.press("ArrowLeft")
    assert asked(page, "site") == [
        {"kind": "site", "site": "block:20"},
        {"kind": "site", "site": "block:14"},
    ]


def test_the_texts_are_coloured_and_another_side_is_asked_for_once(sheet):
    page = sheet()
    texts = SCENE["written"]["texts"]
    assert [text["name"] for text in texts] == ["0", "c(0.1)", "c(1)", "2·c(1)"]
    for index, text in enumerate(texts):
        written = page.get_by_test_id(f"written-{index}")
        shown = written.locator(".written-token")
        assert shown.count() == len(text["tokens"])
        marked = written.locator(".first-difference")
        assert marked.count() == (0 if text["first_difference"] is None else 1)
        if text["first_difference"] is not None:
            token = text["tokens"][text["first_difference"]]
            assert marked.text_content() == token["text"].replace("␣", " ")
            assert digits(token["kl"]) in marked.get_attribute("title")
    page.get_by_test_id("side--1").click()
    page.wait_for_function("events.length > 0")
    assert asked(page, "write") == [{"kind": "write", "statistic": "p95", "sign": -1}]
    assert page.locator(".written[data-old]").count() == 1


def test_a_text_of_one_token_and_a_vector_without_effect_are_said(sheet):
    scene = copy.deepcopy(SCENE)
    scene["information"].update(mean=None, p95=None)
    page = sheet(scene)
    assert "A text of one token" in said(page, "dose-verdict")
    for token in scene["tokens"]:
        token["information"] = 0.0
    scene["information"] = dict.fromkeys(scene["information"], 0.0)
    scene.update(truth=None, layers=[])
    page = sheet(scene)
    assert said(page, "dose-verdict").startswith("This vector changes nothing")
    page.get_by_test_id("coefficient").focus()
    page.keyboard.press("ArrowRight")


def test_every_figure_has_its_data_as_a_table(sheet):
    page = sheet()
    for name, least in (("dose", 25), ("layers", 30), ("writing", 96)):
        figure = page.get_by_test_id(f"figure-{name}")
        figure.get_by_role("button", name="Data").click()
        assert figure.locator("tbody tr").count() >= least
    assert page.get_by_test_id("budgets").locator("tr").count() == 9


TAKEN = """async ([scene, view]) => {
    const { doseModel } = await import("/dose_model.js");
    const { INITIAL } = await import("/dose_view.js");
    const { dosePython, doseCommandLine } = await import("/dose_snippets.js");
    const { doseTable } = await import("/dose_tools.js");
    const { csv } = await import("/takeaway.js");
    const model = doseModel(scene, { ...INITIAL, ...view });
    return [dosePython(model), doseCommandLine(model), csv(doseTable(model), { link: "here" })];
}"""


def test_what_is_copied_names_all_that_is_shown(blank):
    """That it gives the shown numbers is tested where a model is: `tests/ui/pages/dose`."""
    scene = copy.deepcopy(SCENE)
    scene["setting"]["prompt"] = 'it\'s -- a "prompt"\nwith $HOME'
    program, command, table = blank.evaluate(TAKEN, [scene, {}])
    texts = [
        node.value
        for node in ast.walk(ast.parse(program))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    ]
    positive, negative = SCENE["setting"]["vector"]["source"]["pairs"]
    assert {scene["setting"]["prompt"], *positive, *negative, "block:15"} <= set(texts)
    # it makes the vector's file first
    making, command = command.split("\nEND\n")
    assert all(text in making for text in (json.dumps(positive[0]), json.dumps(negative[-1])))
    options = parser().parse_args(shlex.split(command)[3:])
    assert options.prompt == scene["setting"]["prompt"]
    assert (options.file, options.site, options.positions, options.mode) == (
        "vector.npy",
        "block:15",
        "all",
        "add",
    )
    comment, *rows = table.splitlines()
    assert comment == '# link: "here"'
    for row in csv.DictReader(rows):
        predicted, minus, plus = budget(float(row["epsilon"]), row["statistic"])
        assert float(row["predicted"]) == pytest.approx(predicted)
        assert (float(row["minus"]), float(row["plus"])) == (minus, plus)


def test_axe_finds_nothing_serious_in_either_theme_and_at_either_width(sheet):
    page = sheet()
    for width in (1140, 390):
        page.set_viewport_size({"width": width, "height": 900})
        for theme, paper in (("light", "#ffffff"), ("dark", "#0e1117")):
            page.emulate_media(color_scheme=theme)
            page.evaluate("(paper) => { document.body.style.background = paper; }", paper)
            settled(page)
            assert serious(page) == [], (width, theme)
        assert page.evaluate("document.documentElement.scrollWidth") <= width
    page.emulate_media(color_scheme="light")
