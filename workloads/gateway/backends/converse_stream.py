"""The event stream of ConverseStream, read frame by frame."""

import orjson

from workloads.gateway.backends.failures import aws_stream_failure
from workloads.gateway.call import Call, Json
from workloads.gateway.errors import ApiError, unavailable
from workloads.gateway.event_stream import Decoder
from workloads.gateway.usage import Usage


class ConverseReader:
    """Reads one stream of `model`, and writes what the client gets of it.

    `done` once its metadata has come, which is its last event and says what is billed; `failure`
    once a frame was an error, or nothing of ConverseStream's, after which no more is read.
    """

    def __init__(self, call: Call, name: str, model: str) -> None:
        self._call = call
        self._name = name
        self._writer = call.writer(model)
        self._decoder = Decoder()
        self.done = False
        self.failure: ApiError | None = None

    def feed(self, data: bytes) -> bytes:
        """What the client gets of the frames that `data` completes, up to a failure."""
        written: list[bytes] = []
        try:
            for headers, payloads in self._decoder.feed(data):
                if headers.get(":message-type") != "event":
                    self.failure = aws_stream_failure(self._name, headers, payloads[0])
                    break
                self._write(headers[":event-type"], payloads, written)
        except (ValueError, KeyError, TypeError, AttributeError):
            self.failure = unavailable(f"{self._name} sent an answer of unknown form", status=502)
        return b"".join(written)

    def _write(self, kind: str, payloads: list[bytes], written: list[bytes]) -> None:
        events: list[Json] = []
        try:
            events.extend(map(orjson.loads, payloads))
        finally:  # what comes before one that is no JSON
            if kind == "contentBlockDelta" and (texts := _texts(events)):
                written.append(self._writer.write_texts(events, texts))
            else:
                for event in events:
                    written.append(self._writer.write(kind, event))
                    if kind == "metadata":
                        self._call.usage = Usage.from_converse(event.get("usage"))
                        self.done = True

    def finish(self) -> bytes:
        """The end of the answer. Raises ApiError if the stream was closed before it."""
        if self._decoder.pending or not self.done:
            raise unavailable(f"{self._name} broke off its answer", status=502)
        return self._writer.finish()


def _texts(deltas: list[Json]) -> list[str] | None:
    """What all of them say, if that is text and nothing else, which it nearly always is."""
    try:
        texts = [event["delta"]["text"] for event in deltas]
    except (KeyError, TypeError):
        return None
    return texts if set(map(type, texts)) == {str} else None
