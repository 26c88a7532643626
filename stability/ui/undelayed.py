"""A server that sends each thing when it has it."""

import os
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import psutil


@asynccontextmanager
async def undelayed(_: object) -> AsyncIterator[None]:
    """Send small packets at once, for the life of a server.

    Streamlit makes its socket in a way that hides from asyncio that it speaks TCP, which then leaves
    Nagle's algorithm on: the second packet of each answer waits for the browser's acknowledgement of
    the first, which that puts off by 40 ms. Connections inherit the setting of the socket that listens.
    """
    for connection in psutil.Process().net_connections("tcp"):
        if connection.status == psutil.CONN_LISTEN and connection.fd >= 0:
            with socket.socket(fileno=os.dup(connection.fd)) as listening:
                listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    yield
