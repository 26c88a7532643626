"""Who may name files of the server: by default only the person at that computer."""

from types import SimpleNamespace

import pytest

from stability.ui import server


@pytest.fixture
def asked(monkeypatch):
    """Whether paths may be named, on a server with an address and in a request with headers."""

    def may(address, **headers):
        headers = {name.replace("_", "-"): value for name, value in headers.items()}
        fake = SimpleNamespace(
            get_option={"server.address": address}.get, context=SimpleNamespace(headers=headers)
        )
        monkeypatch.setattr(server, "st", fake)
        return server.may_name_paths()

    monkeypatch.delenv(server.ALLOW_PATHS, raising=False)
    return may


@pytest.mark.parametrize("address", ["127.0.0.1", "127.8.9.1", "localhost", "::1"])
@pytest.mark.parametrize("host", ["localhost:8501", "127.0.0.1:8501", "[::1]:8501", "localhost"])
def test_at_the_computer_itself_paths_may_be_named(asked, address, host):
    assert asked(address, Host=host)


@pytest.mark.parametrize("address", ["0.0.0.0", "", None, "192.168.1.5", "::", "example.org"])
def test_a_server_that_others_reach_shows_no_files(asked, address):
    assert not asked(address, Host="localhost:8501")


@pytest.mark.parametrize(
    "headers",
    [
        {"Host": "demo.example.org"},
        {"Host": "rebound.example.org:8501"},
        {"Host": "localhost:8501", "X_Forwarded_For": "8.8.8.8"},
        {"host": "localhost", "Forwarded": "for=8.8.8.8"},
        {"Host": "127.0.0.1", "x_real_ip": "8.8.8.8"},
        {"Host": "127.0.0.1", "Via": "1.1 proxy"},
    ],
)
def test_behind_a_proxy_no_files_are_shown_though_the_server_listens_locally(asked, headers):
    assert not asked("127.0.0.1", **headers)


@pytest.mark.parametrize(("told", "may"), [("1", True), ("0", False), ("yes", False), ("", False)])
def test_whoever_starts_the_server_has_the_last_word(asked, monkeypatch, told, may):
    monkeypatch.setenv(server.ALLOW_PATHS, told)
    assert asked("127.0.0.1", Host="localhost") is may
    assert asked("0.0.0.0", Host="demo.example.org") is may
