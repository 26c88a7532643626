"""The scripts as one module: they do there what they do as files."""

import re

import pytest

from stability.instrument import bundle

ENTRIES = ("instrument", "view")


def test_every_script_is_written_in_the_forms_that_are_understood():
    """An import or export of another form would stand in the middle of a function."""
    text = bundle.module(*ENTRIES)
    start, _, exports = text.partition("\nexport ")
    assert not re.findall(r"^\s*(?:import|export)\b.*", start, re.MULTILINE)
    assert exports.count("export") == len(ENTRIES) - 1


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ('import { a, b as c } from "./x.js";\n', "const { a, b: c } = $x;\n"),
        ('import {\n  a,\n  b,\n} from "./x.js";\n', "const {\n  a,\n  b,\n} = $x;\n"),
        ('import * as x from "./x.js";\n', "const x = $x;\n"),
        (' * @param {import("./x.js").X} x\n', ' * @param {import("./x.js").X} x\n'),
    ],
)
def test_an_import_becomes_a_constant(written, read):
    assert bundle.IMPORT.sub(bundle._constant, written) == read


def test_a_script_that_is_needed_twice_is_there_once():
    assert bundle.module(*ENTRIES).count("const $numerics = ") == 1


def test_all_of_the_style_is_of_the_instrument():
    """It is put on a page of others, whose own nodes it must leave alone."""
    selectors = re.findall(r"^([^@{}/*]+?)\s*\{", re.sub(r"/\*.*?\*/", "", bundle.style()), re.M)
    foreign = [s for s in selectors if s.strip() and ".instrument" not in s]
    assert not [s for s in foreign if not re.match(r"\s*(from|to|\d+%)", s)]


MOUNT = """async ([text]) => {
    const url = URL.createObjectURL(new Blob([text], { type: "text/javascript" }));
    const module = await import(url);
    module.mount(document.body.appendChild(document.createElement("main")), {});
    return [Object.keys(module).sort(), document.querySelectorAll("main > .instrument").length];
}"""


@pytest.mark.browser
@pytest.mark.slow
def test_a_browser_mounts_the_instrument_from_the_one_text(browser):
    page = browser.new_page()
    names, instruments = page.evaluate(MOUNT, [bundle.module(*ENTRIES)])
    page.close()
    assert {"mount", "decode", "encode"} <= set(names)
    assert instruments == 1
