"""What a person does to change the model, without a browser; and what a hostile link cannot do."""

import gc
import threading
import time
import weakref
from types import SimpleNamespace

import pytest
from streamlit.testing.v1 import AppTest
from support.adapters import write_adapter
from support.app import opened, plain_text, press
from support.models import FAMILIES, PROMPT, save_model

from stability.errors import StabilityError
from stability.models import memory
from stability.models.requirements import Requirements, Weights
from stability.ui import model_session, recent_models, uploads
from stability.ui.cached import models
from stability.ui.cached.background import Jobs
from stability.ui.server import ALLOW_PATHS
from stability.ui.widgets import model_offer

pytestmark = pytest.mark.slow

PATIENCE = 20  # seconds after which a test has failed
DEFAULT = "smollm2-135m"


@pytest.fixture(autouse=True)
def own_computer(monkeypatch, tmp_path):
    """The app at the computer itself, freshly started, with an empty list of models used before."""
    monkeypatch.setattr(models, "_models", Jobs(max_entries=99, at_once=4))
    monkeypatch.setattr(models, "_holds", weakref.WeakSet())
    monkeypatch.setattr(models, "snapshot", lambda name, report: None)
    monkeypatch.setenv(ALLOW_PATHS, "1")
    monkeypatch.setattr(recent_models, "_file", lambda: tmp_path / "data" / "recent_models.json")


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    """Two tiny models."""
    return [
        str(save_model(tmp_path_factory.mktemp(name), FAMILIES[name]()))
        for name in ("llama", "qwen3")
    ]


def small_page():
    import streamlit as st

    from stability.ui import link
    from stability.ui.prompt_link import MODEL
    from stability.ui.widgets.model_picker import choose_model

    page = link.Page("Small", (MODEL,))
    link.follow(page)
    with st.sidebar:
        model = choose_model()
    link.write(page)
    st.markdown(f"using {model}")


def small(model=None, link=None):
    """A page that only chooses a model."""
    app = AppTest.from_function(small_page, default_timeout=60)
    if model is not None:
        app.session_state["model"] = model
    if link is not None:
        app.query_params["model"] = link
    app.run()
    assert not app.exception
    return app


@pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::UserWarning")
def test_a_merged_adapter_is_said_under_the_models_name(folders, tmp_path):
    model = str(tmp_path / "adapter")
    write_adapter(folders[0], model)
    models.start_loading(model).future.result(PATIENCE)
    [said] = [plain_text(caption) for caption in small(model).sidebar.caption]
    assert said == f"local, an adapter merged into {folders[0]} local"


def look_up(app, name):
    """Open the dialog and look up a typed name."""
    app.button(key="open_picker").click().run()
    app.text_input(key="typed_model").set_value(name)
    press(app, "Look it up")


def is_offered(app, label="Load"):
    """Whether the facts of a model are shown with a button to load it."""
    labels = [button.label for button in app.button]
    return "Back" in labels and any(name.startswith(label) for name in labels)


def settle(app):
    """Run the page until no model is on its way."""
    deadline = time.monotonic() + PATIENCE
    while "loading" in app.session_state:
        assert time.monotonic() < deadline
        time.sleep(0.02)
        app.run()
    assert not app.exception


A_MODEL = SimpleNamespace(card=SimpleNamespace(revision="local"))


class Loading:
    """Takes the place of `_load`: goes on only when it is let."""

    def __init__(self, monkeypatch, outcome=A_MODEL):
        self.outcome, self.gate, self.loaded, self.stopped = outcome, threading.Event(), [], []
        monkeypatch.setattr(models, "_load", self)

    def __call__(self, model, report):
        try:
            while not self.gate.wait(0.01):
                report("Fetching", 0.5)
        except StabilityError:
            self.stopped.append(model)
            raise
        if isinstance(self.outcome, Exception):
            raise self.outcome
        self.loaded.append(model)
        return self.outcome


# --- switching --------------------------------------------------------------------------------------


def test_another_model_is_looked_up_loaded_and_used_and_the_old_one_is_let_go(folders):
    first, second = folders
    page = opened(model=first, prompt=PROMPT)
    assert not page.exception
    old = weakref.ref(models.loaded(first).model)
    look_up(page, second)
    assert is_offered(page)
    press(page, "Load")
    settle(page)
    assert not page.error
    assert page.session_state["model"] == second
    assert page.query_params["model"] == second
    gc.collect()
    assert old() is None
    assert models.is_loaded(second)


def test_a_model_that_another_session_uses_is_kept(folders):
    first, second = folders
    page, other = small(first), small(first)
    kept = weakref.ref(models.loaded(first).model)
    look_up(page, second)
    press(page, "Load")
    settle(page)
    gc.collect()
    assert kept() is not None
    del other
    models.let_go()
    assert kept() is None


def test_the_page_goes_on_with_the_old_model_until_the_new_one_is_there(folders, monkeypatch):
    first, second = folders
    loading = Loading(monkeypatch)
    page = small(first)
    look_up(page, second)
    press(page, "Load")
    page.run()
    assert [text.value for text in page.markdown if "using" in text.value] == [f"using {first}"]
    loading.gate.set()
    settle(page)
    assert [text.value for text in page.markdown if "using" in text.value] == [f"using {second}"]


def test_cancelling_really_stops_and_leaves_the_old_model(folders, monkeypatch):
    first, second = folders
    loading = Loading(monkeypatch)
    page = small(first)
    look_up(page, second)
    press(page, "Load")
    press(page, "Cancel")
    deadline = time.monotonic() + PATIENCE
    while loading.stopped != [second]:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    page.run()
    assert page.session_state["model"] == first
    assert not page.error
    assert loading.loaded == []


def test_cancelling_stops_nothing_that_another_session_waits_for(folders, monkeypatch):
    first, second = folders
    loading = Loading(monkeypatch)
    pages = [small(first), small(first)]
    for page in pages:
        look_up(page, second)
        press(page, "Load")
    press(pages[0], "Cancel")
    loading.gate.set()
    settle(pages[1])
    assert loading.loaded == [second]
    assert [page.session_state["model"] for page in pages] == [first, second]


def test_a_failure_is_one_sentence_and_the_old_model_stays(folders, monkeypatch):
    first, second = folders
    loading = Loading(monkeypatch, outcome=StabilityError("It must be whole; received half."))
    page = small(first)
    look_up(page, second)
    press(page, "Load")
    loading.gate.set()
    settle(page)
    [error] = page.error
    assert plain_text(error) == "It must be whole; received half."
    assert page.session_state["model"] == first
    look_up(page, second)
    assert is_offered(page)


def test_the_precision_is_part_of_the_model_and_of_its_link(folders):
    first, second = folders
    page = small(first)
    look_up(page, second)
    page.segmented_control(key="dtype").set_value("bfloat16").run()
    press(page, "Load")
    settle(page)
    assert page.session_state["model"] == f"{second} in bfloat16"
    assert page.query_params["model"] == f"{second} in bfloat16"
    assert models.loaded(f"{second} in bfloat16").card.dtype == "bfloat16"
    assert recent_models.recent_models() == [f"{second} in bfloat16"]


@pytest.mark.parametrize("device", ["cpu", "auto"])
def test_the_device_is_chosen_where_there_are_several_and_is_no_part_of_the_link(
    monkeypatch, device
):
    monkeypatch.setattr(model_offer, "devices", lambda: ("cuda:0", "cuda:1", "cpu"))
    monkeypatch.setattr(model_offer, "requirements", huge)
    loading = Loading(monkeypatch)
    loading.gate.set()
    page = small(DEFAULT)
    look_up(page, "owner/name")
    page.segmented_control(key="device").set_value(device).run()
    press(page, "Load")
    settle(page)
    assert loading.loaded == [f"owner/name on {device}"]
    assert page.query_params["model"] == "owner/name"


# --- memory -----------------------------------------------------------------------------------------


def huge(name):
    size = 10**9 if "huge" in name else 10**6
    return Requirements(name, "mit", 0, Weights(size, 0, 0))


def test_a_model_that_cannot_fit_is_refused_before_it_is_loaded(monkeypatch):
    monkeypatch.setattr(model_offer, "requirements", huge)
    monkeypatch.setattr(memory, "memory_at_hand", lambda: 10**9)
    page = small(DEFAULT)
    look_up(page, "owner/huge")
    assert not is_offered(page)
    [error] = page.error
    assert "needs about 4.2 GB, and main memory has 1.0 GB free" in plain_text(error)


def test_where_both_do_not_fit_the_old_model_makes_room(monkeypatch):
    monkeypatch.setattr(model_offer, "requirements", huge)
    monkeypatch.setattr(memory, "memory_at_hand", lambda: 10**9)
    loading = Loading(monkeypatch)
    page = small("owner/huge-too")
    look_up(page, "owner/huge")
    press(page, "Load in place of the other")
    settle(page)
    assert page.session_state["model"] == "owner/huge"
    assert loading.loaded == []  # the page that uses it waits for it
    assert recent_models.recent_models() == []

    other = small("owner/huge")
    look_up(other, "owner/huge-too")
    assert not is_offered(other)  # the first session needs what would be freed


# --- links ------------------------------------------------------------------------------------------


@pytest.fixture
def examined(monkeypatch):
    """The names that were looked at."""
    names = []

    def requirements(name):
        names.append(name)
        return Requirements(name, "mit", 5_000_000_000, Weights(10**6, 0, 0))

    monkeypatch.setattr(model_offer, "requirements", requirements)
    monkeypatch.setattr(
        models, "_load", lambda model, report: pytest.fail("nobody has asked for it")
    )
    return names


@pytest.mark.parametrize(
    "link", ["gemma-3-270m", "smollm2-135m in bfloat16", "gemma-3-270m on cuda:7"]
)
def test_a_link_to_a_packaged_model_is_followed_at_once(examined, link):
    page = small(link=link)
    assert page.session_state["model"] == link.removesuffix(" on cuda:7")
    assert "picker" not in page.session_state
    assert examined == []


def test_a_link_to_a_hub_model_says_what_it_asks_for_and_waits_for_a_click(examined):
    page = small(link="owner/name@main in bfloat16")
    assert page.session_state["model"] == DEFAULT
    assert examined == ["owner/name@main"]
    assert is_offered(page, "Download and load")
    assert page.segmented_control(key="dtype").value == "bfloat16"


def test_a_link_to_a_path_only_fills_the_field(examined, tmp_path):
    page = small(link=str(tmp_path))
    assert page.session_state["model"] == DEFAULT
    assert set(examined) <= {*model_session.MODELS}
    assert page.text_input(key="typed_model").value == str(tmp_path)
    assert not is_offered(page)


HOSTILE = [
    *("../../etc/passwd", "/dev/zero", "~/x", "./pages", "C:\\x", "\\\\host\\share", "a.gguf"),
    *("file:/dev/zero", "http://169.254.169.254/latest", "https://huggingface.co/a/b"),
    *("a\nb", "a\0b", "a" * 5000, "é" * 200, "a/../b", "a/b@../../c", "", " ", "a/b/c", "\u202ea"),
    "stability",  # a folder where the server was started
]


@pytest.mark.parametrize("link", HOSTILE)
def test_a_hostile_link_reads_nothing_on_a_shared_server_and_is_one_sentence(
    examined, monkeypatch, link
):
    monkeypatch.setenv(ALLOW_PATHS, "0")
    page = small(link=link)
    assert page.session_state["model"] == DEFAULT
    assert examined == []
    [error] = page.error
    assert "\n" not in plain_text(error)
    assert "model" not in page.query_params


@pytest.mark.parametrize("typed", HOSTILE)
def test_a_hostile_name_reads_nothing_on_a_shared_server_and_is_one_sentence(
    examined, monkeypatch, typed
):
    monkeypatch.setenv(ALLOW_PATHS, "0")
    page = small(DEFAULT)
    look_up(page, typed)
    assert set(examined) <= {*model_session.MODELS}
    [error] = page.error
    assert "\n" not in plain_text(error)
    assert not is_offered(page)


def test_a_way_around_an_upload_reads_nothing_on_a_shared_server(examined, monkeypatch, tmp_path):
    monkeypatch.setenv(ALLOW_PATHS, "0")
    root = (tmp_path / "uploads").resolve()
    monkeypatch.setattr(uploads, "_folders", {root})
    page = small(DEFAULT)
    look_up(page, f"{root}/../private")
    assert set(examined) <= {*model_session.MODELS}
    [error] = page.error
    assert "A model on a shared server" in plain_text(error)

    look_up(page, f"{root}/model-1/../model-2/")
    assert examined[-1] == f"{root}/model-2"
    assert is_offered(page, "Download and load")
    assert not [button for button in page.button if str(root) in str(button.key)]


def test_a_model_whose_files_are_gone_does_not_keep_another_from_being_chosen(monkeypatch):
    def gone(name):
        if "old" in name:
            raise StabilityError("The files are gone.")
        return huge(name)

    monkeypatch.setattr(model_offer, "requirements", gone)
    monkeypatch.setattr(memory, "memory_at_hand", lambda: 10**9)
    page = small("owner/old")
    look_up(page, "owner/huge")
    assert "needs about 4.2 GB" in plain_text(page.error[0])
    assert [button for button in page.button if button.label == "Back"]


# --- used before ------------------------------------------------------------------------------------


def test_models_used_before_are_offered_at_the_computer_itself_alone(monkeypatch):
    recent_models.remember("owner/name in float16")
    page = small(DEFAULT)
    page.button(key="open_picker").click().run()
    assert page.button(key="recent owner/name in float16")
    monkeypatch.setenv(ALLOW_PATHS, "0")
    page.run()
    assert "recent owner/name in float16" not in [button.key for button in page.button]
