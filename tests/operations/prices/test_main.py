"""Prices renewed through the real SDK client, from answers in the form that AWS gives."""

import json
from datetime import UTC, date, datetime
from types import SimpleNamespace

import pytest

from operations.prices.__main__ import main
from operations.prices.file import dump, tidy
from operations.prices.queries import QUERIES
from tests.operations.prices.conftest import product
from workloads.prices import FILE, PRICES, read

# The products that answer for each row of `services`: service, usage type and attributes as AWS's
# price lists of 2026 have them, written down by several third parties from different regions.
LISTED = {
    "alarm_metric_month": ("AmazonCloudWatch", "USE2-CW:AlarmMonitorUsage", {}),
    "alb_hour": ("AWSELB", "USE2-LoadBalancerUsage", {"operation": "LoadBalancing:Application"}),
    "alb_lcu_hour": ("AWSELB", "USE2-LCUUsage", {"operation": "LoadBalancing:Application"}),
    "custom_metric_month": ("AmazonCloudWatch", "USE2-CW:MetricMonitorUsage", {}),
    "dashboard_month": ("AmazonCloudWatch", "DashboardsUsageHour", {"region": ""}),
    "dynamodb_gb_month": ("AmazonDynamoDB", "USE2-TimedStorage-ByteHrs", {}),
    "dynamodb_pitr_gb_month": ("AmazonDynamoDB", "USE2-TimedPITRStorage-ByteHrs", {}),
    "dynamodb_read_million": ("AmazonDynamoDB", "USE2-ReadRequestUnits", {}),
    "dynamodb_write_million": ("AmazonDynamoDB", "USE2-WriteRequestUnits", {}),
    "ecr_gb_month": ("AmazonECR", "USE2-TimedStorage-ByteHrs", {}),
    "eks_hour": ("AmazonEKS", "USE2-AmazonEKS-Hours:perCluster", {}),
    "fargate_arm_gb_hour": ("AmazonECS", "USE2-Fargate-ARM-GB-Hours", {}),
    "fargate_arm_vcpu_hour": ("AmazonECS", "USE2-Fargate-ARM-vCPU-Hours:perCPU", {}),
    "gp3_gb_month": ("AmazonEC2", "USE2-EBS:VolumeUsage.gp3", {}),
    "guardrail_content_thousand": (
        "AmazonBedrock", "USE2-Guardrail-ContentPolicyUnitsConsumed", {},
    ),
    "guardrail_sensitive_thousand": (
        "AmazonBedrock", "USE2-Guardrail-SensitiveInformationPolicyPaidUnitsConsumed", {},
    ),
    "internet_out_gb": (
        "AWSDataTransfer", "USE2-DataTransfer-Out-Bytes",
        {"region": "", "fromRegionCode": "us-east-2", "transferType": "AWS Outbound"},
    ),
    "kms_key_month": ("awskms", "us-east-2-KMS-Keys", {}),
    "kms_request_10k": ("awskms", "us-east-2-KMS-Requests", {}),
    "lambda_gb_second": ("AWSLambda", "USE2-Lambda-GB-Second", {}),
    "logs_ingested_gb": ("AmazonCloudWatch", "USE2-DataProcessing-Bytes", {}),
    "logs_stored_gb_month": ("AmazonCloudWatch", "USE2-TimedStorage-ByteHrs", {}),
    "lustre_gb_month": (
        "AmazonFSx", "USE2-Storage.SSD.125",
        {"fileSystemType": "Lustre", "operation": "CreateFileSystem:Lustre"},
    ),
    "nat_gateway_gb": ("AmazonEC2", "USE2-NatGateway-Bytes", {}),
    "nat_gateway_hour": ("AmazonEC2", "USE2-NatGateway-Hours", {}),
    "observation_million": ("AmazonCloudWatch", "USE2-CW:ObservationUsage", {}),
    "public_ipv4_hour": ("AmazonVPC", "USE2-PublicIPv4:InUseAddress", {}),
    "s3_gb_month": ("AmazonS3", "USE2-TimedStorage-ByteHrs", {}),
    "s3_monitoring_thousand": ("AmazonS3", "USE2-Monitoring-Automation-INT", {}),
    "s3_put_thousand": ("AmazonS3", "USE2-Requests-Tier1", {}),
    "vpc_endpoint_gb": ("AmazonVPC", "USE2-VpcEndpoint-Bytes", {}),
    "vpc_endpoint_hour": ("AmazonVPC", "USE2-VpcEndpoint-Hours", {}),
    "waf_acl_month": ("awswaf", "USE2-WebACLV2", {}),
    "waf_request_million": ("awswaf", "USE2-RequestV2-Tier1", {}),
    "waf_rule_month": ("awswaf", "USE2-RuleV2", {}),
}  # fmt: skip

# What stands beside them there and is none of them.
BESIDE = [
    ("AmazonCloudWatch", "USE2-CW:HighResAlarmMonitorUsage", {}),
    ("AmazonCloudWatch", "USE2-DataProcessingIA-Bytes", {}),
    ("AmazonCloudWatch", "DashboardsUsageHour-Basic", {"region": ""}),
    ("AWSELB", "USE2-LoadBalancerUsage", {"operation": "LoadBalancing:Network"}),
    ("AWSDataTransfer", "USE2-USE1-AWS-Out-Bytes", {"transferType": "InterRegion Outbound"}),
    ("AmazonDynamoDB", "USE2-IA-TimedStorage-ByteHrs", {}),
    ("AmazonEC2", "USE2-RegionalNatGateway-Hours", {}),
    ("AmazonEKS", "USE2-AmazonEKS-Hours:extendedSupport", {}),
    ("AmazonFSx", "USE2-Storage.SSD.250", {"operation": "CreateFileSystem:Lustre"}),
    ("AmazonFSx", "USE2-Storage.SSD.125", {"operation": "CreateFileSystem:Windows"}),
    ("AmazonS3", "USE2-Requests-SIA-Tier1", {}),
    ("AmazonS3", "USE2-TimedStorage-SIA-ByteHrs", {}),
    ("AmazonVPC", "USE2-VpcEndpoint-GWLBE-Bytes", {}),
    ("AmazonVPC", "USE2-PublicIPv4:IdleAddress", {}),
    ("AWSLambda", "USE2-Lambda-GB-Second-ARM", {}),
    ("AmazonECS", "USE2-SpotUsage-Fargate-ARM-GB-Hours", {}),
    ("awskms", "us-east-2-KMS-Requests-Asymmetric", {}),
    ("awswaf", "USE2-ShieldProtected-RuleV2", {}),
    ("AmazonBedrock", "USE2-Guardrail-SensitiveInformationPolicyFreeUnitsConsumed", {}),
]


def text_of_the_copy():
    """The file with a few rows of its long tables: each row in the region is a question."""
    raw = json.loads(FILE.read_text("utf-8"))
    kept = {"trn1.2xlarge", "m7a.4xlarge", "m8g.xlarge", "ml.inf2.48xlarge"}
    for table in ("on_demand", "hosting", "compared"):
        raw[table] = {name: prices for name, prices in raw[table].items() if name in kept}
    return dump(tidy(raw))


COPY = text_of_the_copy()


@pytest.fixture
def copy(tmp_path):
    path = tmp_path / "prices.json"
    path.write_text(COPY, "utf-8")
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
        # what is sold as a Capacity Block stands in the list at nothing
        product("AmazonEC2", "USE2-BoxUsage:trn1.32xlarge", ("0", "0.0000000000"),
                instanceType="trn1.32xlarge", marketoption="CapacityBlock", **linux),
        product("AmazonSageMaker", "USE2-Host:ml.inf2.xlarge", ("0", "0.9897"),
                instanceName="ml.inf2.xlarge", component="Hosting"),
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

    before, after = json.loads(COPY), json.loads(copy.read_text("utf-8"))
    for table in ("on_demand", "capacity_block", "hosting", "compared", "services"):
        assert after[table] == before[table]


def test_every_row_finds_its_product_among_all_that_aws_lists(copy, price_list):
    """Each product has a price of its own: 1.01, 1.02, …; those beside them cost 9."""
    price_list.products = [
        product(service, usage, ("0", f"{1 + number / 100:.10f}"), **attributes)
        for number, (service, usage, attributes) in enumerate(LISTED.values(), 1)
    ] + [product(service, usage, ("0", "9"), **attributes) for service, usage, attributes in BESIDE]

    assert renew(copy) == 0

    prices = read(copy.read_text("utf-8"))
    assert LISTED.keys() == QUERIES.keys()
    for number, name in enumerate(LISTED, 1):
        found = prices.find_service(name, "us-east-2")
        assert found.usd == pytest.approx((1 + number / 100) * QUERIES[name].units), name
        assert found.source.name.startswith("price-list-api-"), name
    assert prices.find_service("dashboard_month", "sa-east-1").usd == pytest.approx(1.05)


def test_endpoints_of_the_file_are_renewed_too(copy, price_list):
    price_list.products = [
        product("AmazonSageMaker", "USE2-Host:ml.inf2.48xlarge", ("0", "15"),
                instanceName="ml.inf2.48xlarge", component="Hosting"),
        product("AmazonSageMaker", "USE2-Train:ml.inf2.48xlarge", ("0", "14"),
                instanceName="ml.inf2.48xlarge", component="Training"),
    ]  # fmt: skip

    assert renew(copy) == 0

    found = read(copy.read_text("utf-8")).find_hosting("ml.inf2.48xlarge", "us-east-2")
    assert found.usd_per_hour == 15


def test_a_throttled_question_is_asked_again(copy, price_list, monkeypatch):
    waits = []
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "3")
    monkeypatch.setattr("botocore.endpoint.time", SimpleNamespace(sleep=waits.append))
    price_list.products = [product("AmazonEC2", "USE2-NatGateway-Hours", ("0", "0.05"))]
    price_list.refusals = ["ThrottlingException"] * 2

    assert renew(copy) == 0

    prices = read(copy.read_text("utf-8"))
    assert len(waits) == 2
    assert prices.find_service("nat_gateway_hour", "us-east-2").usd == 0.05


def test_a_question_that_aws_refuses_leaves_its_row_as_it_is(copy, price_list, capsys):
    price_list.products = [product("AmazonEC2", "USE2-NatGateway-Hours", ("0", "0.05"))]
    price_list.refusals = lambda request: (
        "InvalidParameterException" if request["ServiceCode"] == "awskms" else None
    )

    assert renew(copy) == 0

    kept = read(copy.read_text("utf-8"))
    assert kept.find_service("nat_gateway_hour", "us-east-2").usd == 0.05
    assert kept.find_service("kms_key_month", "us-east-2") == (
        PRICES.find_service("kms_key_month", "us-east-2")
    )
    assert "KMS-Keys of awskms in us-east-2: the Price List API refuses the question" in (
        capsys.readouterr().err
    )


def test_who_may_not_ask_is_told_once_and_nothing_is_written(copy, price_list, capsys):
    price_list.refusals = lambda request: "AccessDeniedException"

    assert renew(copy) == 1

    assert "AWS cannot be asked: An error occurred (AccessDeniedException)" in (
        capsys.readouterr().err
    )
    assert copy.read_text("utf-8") == COPY


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

    assert copy.read_text("utf-8") == COPY
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
        (("--file", "/nowhere/prices.json"), "/nowhere/prices.json: No such file"),
        (("--file", "README.md"), "README.md is no table as workloads/prices.json is"),
        (("--file", "package.json"), "package.json is no table"),
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
    assert copy.read_text("utf-8") == COPY


def test_every_service_has_a_question_but_the_one_that_is_an_announcement_s():
    assert PRICES.services.keys() - QUERIES.keys() == {"eks_extended_hour"}
    assert QUERIES.keys() <= PRICES.services.keys()


def test_the_file_is_in_its_own_form():
    raw = json.loads(FILE.read_text("utf-8"))

    assert dump(raw) == dump(tidy(raw)) == FILE.read_text("utf-8")
