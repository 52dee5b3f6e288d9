import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

TARGET = "AWSPriceListService.GetProducts"


def product(service_code, usage_type, *tiers, region="us-east-2", unit="Hrs", **attributes):
    """A product as the Price List API answers it; `tiers` are (from, USD), both as text."""
    sku = f"SKU{abs(hash((service_code, usage_type, region, tiers))) % 10**10}"
    term = f"{sku}.JRTCKXETXF"
    ends = [begin for begin, _ in tiers[1:]] + ["Inf"]
    return {
        "product": {
            "productFamily": "Anything",
            "attributes": {
                "servicecode": service_code,
                "regionCode": region,
                "location": "US East (Ohio)",
                "locationType": "AWS Region",
                "usagetype": usage_type,
                **attributes,
            },
            "sku": sku,
        },
        "serviceCode": service_code,
        "terms": {
            "OnDemand": {
                term: {
                    "priceDimensions": {
                        f"{term}.{number}": {
                            "unit": unit,
                            "beginRange": begin,
                            "endRange": end,
                            "description": f"${usd} per {unit}",
                            "appliesTo": [],
                            "rateCode": f"{term}.{number}",
                            "pricePerUnit": {"USD": usd},
                        }
                        for number, ((begin, usd), end) in enumerate(zip(tiers, ends, strict=True))
                    },
                    "sku": sku,
                    "effectiveDate": "2026-11-01T00:00:00Z",
                    "offerTermCode": "JRTCKXETXF",
                    "termAttributes": {},
                }
            }
        },
        "version": "20261101000000",
        "publicationDate": "2026-11-01T00:00:00Z",
    }


class PriceList:
    """The products of a pretended Price List API, and the requests it got; `refusals` holds the
    names of the errors that it answers first, or a function of the request that names one."""

    def __init__(self):
        self.products = []
        self.requests = []
        self.refusals = []

    def refusal(self, request):
        if callable(self.refusals):
            return self.refusals(request)
        return self.refusals.pop(0) if self.refusals else None

    def answer(self, request):
        """Filtered as the API does, a product a page, each product a text within the answer."""
        assert request["FormatVersion"] == "aws_v1"
        self.requests.append(request)
        found = [
            p
            for p in self.products
            if p["serviceCode"] == request["ServiceCode"]
            and all(self._passes(p, f) for f in request["Filters"])
        ]
        page = int(request.get("NextToken", 0))
        answer = {
            "FormatVersion": "aws_v1",
            "PriceList": list(map(json.dumps, found[page : page + 1])),
        }
        return answer | ({"NextToken": str(page + 1)} if len(found) > page + 1 else {})

    @staticmethod
    def _passes(p, condition):
        value = p["product"]["attributes"].get(condition["Field"], "")
        if condition["Type"] == "CONTAINS":
            return condition["Value"] in value
        assert condition["Type"] == "TERM_MATCH"
        return condition["Value"] == value


@pytest.fixture
def price_list():
    return PriceList()


@pytest.fixture
def price_list_url(price_list):
    """It speaks the API's JSON 1.1 over HTTP, to the real SDK client."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"  # one connection for all questions, as AWS has it
        disable_nagle_algorithm = True

        def do_POST(self):
            assert self.headers["X-Amz-Target"] == TARGET
            request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            error = price_list.refusal(request)
            answer = {"__type": error, "message": "no"} if error else price_list.answer(request)
            body = json.dumps(answer).encode()
            self.send_response(400 if error else 200)
            self.send_header("Content-Type", "application/x-amz-json-1.1")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture(autouse=True)
def aws(monkeypatch, tmp_path, moto_url, price_list_url):
    """The AWS SDK's standard environment: spot prices from moto, and nothing of the user's."""
    for variable, value in {
        "AWS_ENDPOINT_URL_PRICING": price_list_url,
        "AWS_ENDPOINT_URL_EC2": moto_url,
        "AWS_ACCESS_KEY_ID": "testing",
        "AWS_SECRET_ACCESS_KEY": "testing",
        "AWS_CONFIG_FILE": str(tmp_path / "no-config"),
        "AWS_SHARED_CREDENTIALS_FILE": str(tmp_path / "no-credentials"),
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_MAX_ATTEMPTS": "1",
    }.items():
        monkeypatch.setenv(variable, value)
    for variable in ("AWS_PROFILE", "AWS_REGION", "AWS_DEFAULT_REGION", "AWS_ENDPOINT_URL"):
        monkeypatch.delenv(variable, raising=False)
