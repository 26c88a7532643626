"""Long work waits for its button, starts once, and can be stopped."""

from streamlit.testing.v1 import AppTest


def _waiting(work, at_once):
    import streamlit as st

    from stability.ui.widgets.start import is_stopped, start_button

    started, stop = start_button("asked", work, "Start", at_once)
    st.markdown(f"started {started}, stopped {is_stopped('asked', work)}")
    if started:
        st.button("Stop", on_click=stop)


def opened(work="work", at_once=False):
    app = AppTest.from_function(_waiting, args=(work, at_once)).run()
    assert not app.exception
    return app


def said(app):
    return app.markdown[0].value


def test_work_waits_for_its_button_and_then_needs_none():
    app = opened()
    assert said(app) == "started False, stopped False"
    app.button[0].click().run()
    assert said(app) == "started True, stopped False"
    assert [button.label for button in app.button] == ["Stop"]


def test_a_click_means_the_work_that_is_chosen_in_the_same_run():
    """The button on the screen is that of the choice before, as its run has been stopped."""
    app = AppTest.from_function(_chosen).run()
    app.button[0].click()
    app.selectbox[0].set_value("b").run()
    assert said(app) == "b started True"


def _chosen():
    import streamlit as st

    from stability.ui.widgets.start import start_button

    work = st.selectbox("Work", ["a", "b"])
    started, _ = start_button("asked", work, "Start")
    st.markdown(f"{work} started {started}")


def test_stopped_work_waits_for_its_button_again():
    app = opened()
    app.button[0].click().run()
    app.button[0].click().run()
    assert said(app) == "started False, stopped True"
    assert [button.label for button in app.button] == ["Start"]


def test_other_work_is_not_started_and_not_stopped():
    app = opened()
    app.session_state["asked"] = "other work"
    app.run()
    assert said(app) == "started False, stopped False"


def test_quick_work_starts_at_once():
    assert said(opened(at_once=True)) == "started True, stopped False"
