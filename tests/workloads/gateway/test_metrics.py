from prometheus_client.parser import text_string_to_metric_families

from workloads.gateway.metrics import Metrics
from workloads.gateway.usage import Usage


def test_prometheus_reads_the_figures():
    metrics = Metrics()
    metrics.requests.values["a", "meta/llama:1", "200"] += 2
    metrics.in_flight.values["a", "nova"] += 1
    metrics.count_usage("a", "nova", Usage(3, 2, cache_read=1), 0.25)
    metrics.count_usage("a", "nova", Usage(1, 1), None)

    families = list(text_string_to_metric_families(metrics.text()))

    kinds = {family.name: family.type for family in families}
    assert kinds == {
        "gateway_requests": "counter",
        "gateway_tokens": "counter",
        "gateway_cost_usd": "counter",
        "gateway_in_flight_requests": "gauge",
    }
    samples = {(s.name, *s.labels.values()): s.value for family in families for s in family.samples}
    assert samples == {
        ("gateway_requests_total", "a", "meta/llama:1", "200"): 2,
        ("gateway_tokens_total", "a", "nova", "input"): 4,
        ("gateway_tokens_total", "a", "nova", "output"): 3,
        ("gateway_tokens_total", "a", "nova", "cache_read"): 1,
        ("gateway_cost_usd_total", "a", "nova"): 0.25,
        ("gateway_in_flight_requests", "a", "nova"): 1,
    }
