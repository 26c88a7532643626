"""An adapter's base: named by its files, and never a path for an adapter from the hub."""

import json

import pytest
from support.ggufs import refused

from stability.models.adapter_files import base_of, require_whole, stands_alone


@pytest.fixture
def adapter(tmp_path):
    """Write the configuration of an adapter, which stands alone, with a base of this name."""

    def write(base):
        config = {"base_model_name_or_path": base}
        (tmp_path / "adapter_config.json").write_text(json.dumps(config))
        return tmp_path

    return write


@pytest.mark.parametrize(
    ("base", "kind"), [("owner/name", "hub"), ("smollm2-135m", "packaged"), ("/a/b", "path")]
)
def test_an_adapter_on_this_computer_may_name_any_base(adapter, base, kind):
    found = base_of(adapter(base), "mine", from_hub=False)
    assert (found.text, found.kind) == (base, kind)


@pytest.mark.parametrize("base", ["/etc/passwd", "./x", "~/x", "x.GGUF", "C:\\x", "stability"])
def test_an_adapter_from_the_hub_names_no_path(adapter, base):
    refused(lambda: base_of(adapter(base), "o/n", from_hub=True), "must name a base on the hub")


@pytest.mark.parametrize("base", ["owner/name", "smollm2-135m"])
def test_an_adapter_from_the_hub_may_name_what_is_on_it_or_packaged(adapter, base):
    assert base_of(adapter(base), "o/n", from_hub=True).text == base


@pytest.mark.parametrize("base", [None, "", 7, ["x"] * 1000])
def test_a_base_that_is_no_name_is_one_sentence(adapter, base):
    error = refused(lambda: base_of(adapter(base), "mine", from_hub=False), "must name its base")
    assert len(str(error)) < 300


@pytest.mark.parametrize("weights", ["model.safetensors", "model.safetensors.index.json"])
def test_weights_that_would_be_left_out_are_refused(adapter, weights):
    folder = adapter("owner/name")
    (folder / weights).write_bytes(b"")
    refused(lambda: base_of(folder, "mine", from_hub=False), f"has {weights} and no config.json")


def test_a_base_is_a_whole_model(adapter):
    folder = adapter("owner/name")
    assert stands_alone(folder)
    refused(lambda: require_whole(folder, "first", "second"), "'first', the base of 'second'")
    (folder / "config.json").write_text("{}")
    require_whole(folder, "first", "second")
