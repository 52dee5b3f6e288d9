import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.workloads.gateway.conftest import KEY, sha256
from tests.workloads.gateway.fakes import Answer, converse_stream, openai_completion
from workloads.gateway.errors import unavailable
from workloads.gateway.metrics import SECONDS, Metrics
from workloads.gateway.resilience import FAILURES_TO_OPEN, OPEN_SECONDS, Breaker
from workloads.gateway.usage import Usage

QUESTION = {"model": "first", "messages": [{"role": "user", "content": "Hi"}]}


def samples_of(text: str) -> dict[tuple[str, ...], float]:
    """Values by the name and the labels' values, as Prometheus' own parser reads them."""
    families = text_string_to_metric_families(text)
    return {
        (sample.name, *sample.labels.values()): sample.value
        for family in families
        for sample in family.samples
    }


def test_prometheus_reads_the_figures():
    metrics = Metrics()
    metrics.requests.values["a", "meta/llama:1", "200"] += 2
    metrics.in_flight.values["a", "nova"] += 1
    metrics.count_usage("a", "nova", Usage(3, 2, cache_read=1), 0.25)
    metrics.count_usage("a", "nova", Usage(1, 1), None)

    kinds = {f.name: f.type for f in text_string_to_metric_families(metrics.text())}
    assert kinds == {
        "gateway_requests": "counter",
        "gateway_tokens": "counter",
        "gateway_cost_usd": "counter",
        "gateway_in_flight_requests": "gauge",
        "gateway_throttled_requests": "counter",
        "gateway_request_duration_seconds": "histogram",
        "gateway_time_to_first_token_seconds": "histogram",
        "gateway_upstream_failures": "counter",
        "gateway_upstream_retries": "counter",
        "gateway_fallbacks": "counter",
        "gateway_breaker_state": "gauge",
        "gateway_upstream_in_flight_requests": "gauge",
    }
    assert samples_of(metrics.text()) == {
        ("gateway_requests_total", "a", "meta/llama:1", "200"): 2,
        ("gateway_tokens_total", "a", "nova", "input"): 4,
        ("gateway_tokens_total", "a", "nova", "output"): 3,
        ("gateway_tokens_total", "a", "nova", "cache_read"): 1,
        ("gateway_cost_usd_total", "a", "nova"): 0.25,
        ("gateway_in_flight_requests", "a", "nova"): 1,
    }


def test_a_histogram_counts_every_value_in_the_first_bound_that_holds_it():
    metrics = Metrics()
    for seconds in (0.01, 0.025, 0.03, 10_000):
        metrics.duration.observe("nova", seconds)

    samples = samples_of(metrics.text())

    name = "gateway_request_duration_seconds"
    counts = [samples[f"{name}_bucket", "nova", str(bound)] for bound in (*SECONDS, "+Inf")]
    assert counts == [2, *[3] * (len(SECONDS) - 1), 4]
    assert samples[f"{name}_count", "nova"] == 4
    assert samples[f"{name}_sum", "nova"] == pytest.approx(10_000.065)


def test_the_state_of_a_breaker_is_told():
    metrics, now = Metrics(), [0.0]
    breaker = Breaker("own", None, lambda: now[0])
    metrics.watch({"own": breaker})
    states = [samples_of(metrics.text())["gateway_breaker_state", "own"]]
    for _ in range(FAILURES_TO_OPEN):
        breaker.failed(unavailable("down"))
    states.append(samples_of(metrics.text())["gateway_breaker_state", "own"])
    now[0] = OPEN_SECONDS
    states.append(samples_of(metrics.text())["gateway_breaker_state", "own"])

    assert states == [0, 2, 1]


def test_what_an_operator_needs_is_counted(start_gateway, services):
    gateway = start_gateway(
        f"""
        [[models]]
        name = "first"
        openai = "{services.url}/v1"
        fallback = ["second"]
        [[models]]
        name = "second"
        bedrock = "amazon.nova-lite-v1:0"
        [[tenants]]
        name = "team"
        key_sha256 = "{sha256(KEY)}"
        requests_per_minute = 3
        """
    )
    services.answer("first", status=503, body={})
    services.answer("amazon.nova-lite-v1:0", *converse_stream(["Hel", "lo"]))
    assert gateway.chat({**QUESTION, "stream": True}).status_code == 200
    down = Answer(status=503, body={})
    services.answers["first"] = [down, Answer(body=openai_completion("Hello", "first"))]
    busy = {"x-amzn-errortype": "ServiceUnavailableException"}
    services.answer("amazon.nova-lite-v1:0", status=503, headers=busy, body={"message": "busy"})
    assert gateway.chat(QUESTION).status_code == 200  # in the second round
    services.answer("first", status=429, headers={"retry-after": "60"}, body={})
    slow = {"x-amzn-errortype": "ThrottlingException", "retry-after": "60"}
    services.answer("amazon.nova-lite-v1:0", status=429, headers=slow, body={"message": "slow"})
    assert gateway.chat(QUESTION).status_code == 429  # the backend's
    assert gateway.chat(QUESTION).status_code == 429  # the tenant's

    samples = samples_of(gateway.get("/metrics").text)

    expected = {
        ("gateway_upstream_failures_total", "first", "503"): 2,
        ("gateway_upstream_failures_total", "second", "503"): 1,
        ("gateway_upstream_failures_total", "first", "429"): 1,
        ("gateway_upstream_retries_total", "first"): 1,
        ("gateway_fallbacks_total", "first", "second"): 1,
        ("gateway_throttled_requests_total", "team", "first", "backend"): 1,
        ("gateway_throttled_requests_total", "team", "first", "requests"): 1,
        ("gateway_request_duration_seconds_count", "first"): 4,
        ("gateway_time_to_first_token_seconds_count", "second"): 1,
        ("gateway_breaker_state", "first"): 0,
        ("gateway_upstream_in_flight_requests", "first"): 0,
        ("gateway_requests_total", "team", "first", "200"): 2,
        ("gateway_requests_total", "team", "first", "429"): 2,
    }
    assert expected.items() <= samples.items()
