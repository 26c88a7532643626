"""What a server sends goes out at once."""

import socket

from support.asgi import run

from stability.ui.undelayed import undelayed


def test_connections_to_a_socket_of_this_process_send_small_packets_at_once():
    async def accepted(listening):
        async with undelayed(None):
            with socket.create_connection(listening.getsockname()):
                connection, _ = listening.accept()
                with connection:
                    return connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)

    # as Streamlit makes it
    with socket.socket(socket.AF_INET) as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        assert run(accepted(listening)) == 1
