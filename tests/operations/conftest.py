import pytest
from moto.server import ThreadedMotoServer


@pytest.fixture(scope="session")
def moto_url():
    """A moto server on loopback; its data are the real answers of EC2 that moto packages."""
    yield from serve_moto()


def serve_moto():
    """The URL of a moto server of one's own, which ends with the fixture that yields from this."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()
