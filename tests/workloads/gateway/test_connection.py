"""What is sent at once arrives at once, whole and in order."""

import asyncio

import pytest
import uvloop

from workloads.gateway.connection import MOST_BYTES, Together


class Transport:
    """Notes every write, as the event loop's own would do one."""

    def __init__(self) -> None:
        self.written: list[bytes] = []
        self.closing = False

    def write(self, data: bytes) -> None:
        assert not self.closing
        self.written.append(data)

    def close(self) -> None:
        self.closing = True

    def is_closing(self) -> bool:
        return self.closing

    def get_extra_info(self, name: str) -> str:
        return f"the {name}"


def together(use) -> list[bytes]:
    """What a transport wrote by the end of `use`."""
    inner = Transport()

    async def main() -> None:
        await use(Together(inner, asyncio.get_running_loop()), inner)

    uvloop.run(main())
    return inner.written


def test_writes_of_one_step_are_one_write_and_those_of_the_next_another():
    async def use(transport, inner):
        transport.write(b"head ")
        transport.write(b"body")
        assert not inner.written
        await asyncio.sleep(0)
        transport.write(b"more")
        await asyncio.sleep(0)

    assert together(use) == [b"head body", b"more"]


def test_what_is_closed_is_written_before():
    async def use(transport, inner):
        transport.write(b"last words")
        transport.close()
        await asyncio.sleep(0)
        assert transport.is_closing()

    assert together(use) == [b"last words"]


def test_much_is_not_kept_back():
    async def use(transport, inner):
        for _ in range(3):
            transport.write(b"x" * (MOST_BYTES // 2))
        assert [len(data) for data in inner.written] == [MOST_BYTES // 2 * 3]

    together(use)


def test_nothing_is_written_to_a_client_that_has_gone():
    async def use(transport, inner):
        transport.write(b"too late")
        inner.closing = True
        await asyncio.sleep(0)

    assert together(use) == []


def test_all_else_is_asked_of_the_transport():
    async def use(transport, inner):
        assert transport.get_extra_info("peername") == "the peername"
        with pytest.raises(AttributeError):
            transport.unheard_of()

    together(use)
