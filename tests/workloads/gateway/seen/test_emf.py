"""CloudWatch's metrics in the log."""

from tests.workloads.gateway.conftest import KEY, sha256
from tests.workloads.gateway.fakes import converse_answer, converse_stream, usage
from workloads.gateway.metrics import Metrics
from workloads.gateway.seen.emf import MOST_VALUES, EmbeddedMetrics

NOVA = "amazon.nova-lite-v1:0"
QUESTION = {"model": "nova", "messages": [{"role": "user", "content": "Hi"}]}


class Lines(list):
    """A writer that keeps what it is given."""

    write = list.append


def figures(line: dict) -> dict:
    """The metrics of a line, which must be what CloudWatch's specification asks for."""
    [directive] = line["_aws"]["CloudWatchMetrics"]
    assert isinstance(line["_aws"]["Timestamp"], int)
    assert directive["Namespace"] == "Gateway"
    assert directive["Dimensions"] == [["Service"]]
    assert isinstance(line["Service"], str)
    values = {metric["Name"]: line[metric["Name"]] for metric in directive["Metrics"]}
    assert all(isinstance(value, int | float | list) for value in values.values())
    return values


def test_the_figures_of_a_service_are_in_its_log(start_gateway, services):
    gateway = start_gateway(
        f"""
        [[models]]
        name = "nova"
        bedrock = "{NOVA}"
        price = {{ input = 1000, output = 2000 }}
        [[tenants]]
        name = "team"
        key_sha256 = "{sha256(KEY)}"
        """,
        GATEWAY_SERVICE="gateway-dev",
    )
    services.answer(NOVA, *converse_stream(["Hello"], usage(4, 3, cacheReadInputTokens=2)))
    gateway.chat({**QUESTION, "stream": True})
    services.answer(NOVA, status=429, body={"message": "x"}, headers=slow())
    gateway.chat(QUESTION)
    services.answer(NOVA, body={})  # of unknown form
    gateway.chat(QUESTION)
    gateway.stop()

    lines = [line for line in gateway.logged() if "_aws" in line]  # each of some 20 s

    assert {line["Service"] for line in lines} == {"gateway-dev"}
    told = [figures(line) for line in lines]
    [first_token] = [ms for values in told for ms in values.pop("TimeToFirstToken", [])]
    assert first_token > 0
    assert told[-1]["InFlightRequests"] == 0
    assert {name: sum(values[name] for values in told) for name in told[-1]} == {
        "InFlightRequests": 0,
        "Requests": 3,
        "Errors": 1,
        "Throttles": 1,
        "InputTokens": 6,
        "OutputTokens": 3,
        "CostUsd": 0.012,
    }


def slow() -> dict[str, str]:
    return {"x-amzn-errortype": "ThrottlingException", "retry-after": "60"}


def test_without_a_service_there_are_none(gateway, services):
    services.answer(NOVA, body=converse_answer({"text": "Hello"}))
    gateway.chat(QUESTION)

    assert not any("_aws" in line for line in gateway.logged())


def test_each_line_tells_what_is_new_and_what_is_now():
    metrics, lines = Metrics(), Lines()
    embedded = EmbeddedMetrics("x", metrics, lines)
    metrics.in_flight.values["a", "m"] += 2
    metrics.requests.values["a", "m", "200"] += 5
    metrics.requests.values["a", "m", "503"] += 1
    embedded.publish()
    metrics.requests.values["a", "m", "200"] += 1
    embedded.publish()

    one, two = map(figures, lines)

    assert (one["Requests"], one["Errors"], one["InFlightRequests"]) == (6, 1, 2)
    assert (two["Requests"], two["Errors"], two["InFlightRequests"]) == (1, 0, 2)
    assert "TimeToFirstToken" not in one


def test_too_many_times_for_a_line_are_a_sample_of_them_all():
    lines = Lines()
    embedded = EmbeddedMetrics("x", Metrics(), lines)
    for milliseconds in range(1_000):
        embedded.first_token(milliseconds)
    embedded.publish()

    values = figures(lines[0])["TimeToFirstToken"]

    assert len(values) == len(set(values)) == MOST_VALUES
    assert 300 < sum(values) / len(values) < 700  # of the first hundred alone it would be 50
