"""Prices renewed through the real SDK client, from answers in the form that AWS gives."""

import json
from datetime import UTC, date, datetime

import pytest

from operations.prices.__main__ import main
from operations.prices.file import dump, tidy
from operations.prices.queries import QUERIES
from tests.operations.prices.conftest import product
from workloads.prices import FILE, PRICES, read


@pytest.fixture
def copy(tmp_path):
    path = tmp_path / "prices.json"
    path.write_bytes(FILE.read_bytes())
    return path


def renew(copy, *arguments):
    return main(["--file", str(copy), "--region", "us-east-2", *arguments])


def test_what_aws_answers_is_written_with_its_day_and_source(copy, price_list, capsys):
    price_list.products = [
        product("AmazonEC2", "USE2-NatGateway-Hours", ("0", "0.0460000000")),
        product("AmazonVPC", "USE2-VpcEndpoint-Hours", ("0", "0.0100000000")),
        product("AmazonVPC", "USE2-VpcEndpoint-GWLBE-Hours", ("0", "0.0200000000")),
        product("AmazonDynamoDB", "USE2-ReadRequestUnits", ("0", "0.0000001250"), unit="RRU"),
        product("AmazonDynamoDB", "USE2-TimedStorage-ByteHrs", ("0", "0"), ("25", "0.25")),
        product("AmazonDynamoDB", "USE2-IA-TimedStorage-ByteHrs", ("0", "0.10")),
    ]

    assert renew(copy) == 0

    prices = read(copy.read_text("utf-8"))
    nat = prices.find_service("nat_gateway_hour", "us-east-2")
    assert nat.usd == 0.046
    first, last = date.fromisoformat(nat.source.date), datetime.now(UTC).date()
    assert (last - first).days <= 1
    assert nat.source.what == "the AWS Price List API's answer"
    assert prices.find_service("vpc_endpoint_hour", "us-east-2").usd == 0.01
    assert prices.find_service("dynamodb_read_million", "us-east-2").usd == 0.125
    assert prices.find_service("dynamodb_gb_month", "us-east-2").usd == 0.25  # past the free tier
    said = capsys.readouterr()
    assert "services nat_gateway_hour in us-east-2: 0.045 -> 0.046 USD" in said.out
    assert "services vpc_endpoint_hour in us-east-2: new, 0.01 USD" in said.out
    assert "LCUUsage of AWSELB in us-east-2: the Price List API has no price" in said.err


def test_the_instances_of_the_environments_are_asked_for_in_each_way_to_buy(copy, price_list):
    linux = {
        "operatingSystem": "Linux",
        "tenancy": "Shared",
        "preInstalledSw": "NA",
        "capacitystatus": "Used",
    }
    price_list.products = [
        product("AmazonEC2", "USE2-BoxUsage:trn1.32xlarge", ("0", "20.5"),
                instanceType="trn1.32xlarge", **linux),
        product("AmazonEC2", "USE2-BoxUsage:trn1.32xlarge", ("0", "99"),
                instanceType="trn1.32xlarge", **linux | {"operatingSystem": "Windows"}),
        product("AmazonSageMaker", "USE2-Host:ml.inf2.xlarge", ("0", "0.9897"),
                instanceName="ml.inf2.xlarge"),
        product("AmazonEC2", "USE2-BoxUsage:m8g.xlarge", ("0", "0.17"),
                instanceType="m8g.xlarge", **linux),
    ]  # fmt: skip

    assert renew(copy) == 0

    prices = read(copy.read_text("utf-8"))
    assert prices.find("trn1.32xlarge", "us-east-2").usd_per_hour == 20.5
    assert prices.find("m8g.xlarge", "us-east-2").usd_per_hour == 0.17
    assert prices.find_hosting("ml.inf2.xlarge", "us-east-2").usd_per_hour == 0.9897
    spot = prices.find_spot("m7a.4xlarge", "us-east-2")  # which dev buys so; moto's price
    assert (spot.usd_per_hour, spot.source.name[:13]) == (0.00001, "spot-history-")


def test_what_aws_has_no_price_for_stays_as_it_was(copy):
    assert renew(copy) == 0

    before, after = json.loads(FILE.read_text("utf-8")), json.loads(copy.read_text("utf-8"))
    for table in ("on_demand", "capacity_block", "hosting", "compared", "services"):
        assert after[table] == before[table]


def test_several_prices_are_none(copy, price_list, capsys):
    price_list.products = [
        product("AmazonEC2", "USE2-NatGateway-Hours", ("0", usd)) for usd in ("0.045", "0.052")
    ]

    assert renew(copy) == 0

    assert "NatGateway-Hours of AmazonEC2 in us-east-2: the Price List API has several prices:" in (
        capsys.readouterr().err
    )
    kept = read(copy.read_text("utf-8")).find_service("nat_gateway_hour", "us-east-2")
    assert kept == PRICES.find_service("nat_gateway_hour", "us-east-2")


def test_a_check_writes_nothing_and_tells(copy, price_list, capsys):
    price_list.products = [product("AmazonEC2", "USE2-NatGateway-Hours", ("0", "0.05"))]

    assert renew(copy, "--check") == 1

    assert copy.read_bytes() == FILE.read_bytes()
    assert "0.045 -> 0.05 USD" in capsys.readouterr().out


def test_us_east_1_has_no_prefix_and_kms_a_longer_one(copy, price_list):
    price_list.products = [
        product("awskms", "us-east-1-KMS-Keys", ("0", "7"), region="us-east-1"),
        product("AWSELB", "LoadBalancerUsage", ("0", "0.023"), region="us-east-1",
                operation="LoadBalancing:Application"),
        product("AWSELB", "TS-LoadBalancerUsage", ("0", "0.005"), region="us-east-1",
                operation="LoadBalancing:Application"),
    ]  # fmt: skip

    assert main(["--file", str(copy), "--region", "us-east-1"]) == 0

    prices = read(copy.read_text("utf-8"))
    assert prices.find_service("alb_hour", "us-east-1").usd == 0.023
    assert prices.find_service("kms_key_month", "us-east-1").usd == 7  # before that of any region


def test_another_type_can_be_asked_for(copy, price_list):
    assert renew(copy, "--type", "g6e.xlarge", "--type", "ml.g6e.xlarge") == 0

    asked = {
        condition["Value"]
        for request in price_list.requests
        for condition in request["Filters"]
        if condition["Field"] in ("instanceType", "instanceName")
    }
    assert {"g6e.xlarge", "ml.g6e.xlarge", "ml.inf2.xlarge", "trn1.2xlarge"} <= asked


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("--region", "us-middle-1"), "none of the regions of hardware.json"),
        (("--type", "trn9.48xlarge"), "trn9.48xlarge is not an instance type"),
    ],
)
def test_a_mistake_is_one_sentence_and_exit_2(capsys, arguments, sentence):
    assert main(list(arguments)) == 2

    said = capsys.readouterr().err
    assert sentence in said
    assert said.count("\n") == 1


def test_no_answer_is_one_sentence_and_exit_1(copy, monkeypatch, capsys):
    monkeypatch.setenv("AWS_ENDPOINT_URL_PRICING", "http://127.0.0.1:9")

    assert renew(copy) == 1

    assert "AWS cannot be asked" in capsys.readouterr().err
    assert copy.read_bytes() == FILE.read_bytes()


def test_every_service_has_a_question_but_the_one_that_is_an_announcement_s():
    assert PRICES.services.keys() - QUERIES.keys() == {"eks_extended_hour"}
    assert QUERIES.keys() <= PRICES.services.keys()


def test_the_file_is_in_its_own_form():
    raw = json.loads(FILE.read_text("utf-8"))

    assert dump(raw) == dump(tidy(raw)) == FILE.read_text("utf-8")
