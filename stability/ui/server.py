"""Whom this server is for: its own computer, or visitors who must not see that computer's files."""

import os
from ipaddress import ip_address
from pathlib import Path

import streamlit as st

# 1 or 0: whether models may be named by their path on the server, whatever address it listens on
ALLOW_PATHS = "STABILITY_ALLOW_PATHS"
# beginnings of the headers that a proxy adds
PROXIED = ("x-forwarded", "x-real-ip", "forwarded", "via")


def may_name_paths() -> bool:
    """Whether the visitor may name files on the server.

    By default only where the server listens on this computer alone and was asked for by that address,
    not through a proxy: a proxy in front of it may let the whole world in.
    """
    told = os.environ.get(ALLOW_PATHS)
    if told is not None:
        return told == "1"
    headers = {name.lower(): value for name, value in st.context.headers.items()}
    listening, asked_for = st.get_option("server.address"), headers.get("host", "localhost")
    return (
        _is_this_computer(str(listening or ""))
        and _is_this_computer(asked_for.rpartition(":")[0] or asked_for)
        and not any(name.startswith(PROXIED) for name in headers)
    )


def stamp_of(path: str | Path) -> int:
    """When a file on the server was changed last; 0 for none."""
    try:
        return os.stat(path).st_mtime_ns
    except (OSError, ValueError):
        return 0


def _is_this_computer(host: str) -> bool:
    try:
        return host == "localhost" or ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False
