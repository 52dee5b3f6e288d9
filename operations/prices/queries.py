"""What to ask the AWS Price List API for each row of `services` in prices.json.

A usage type carries a region's prefix (USE2-NatGateway-Hours), in us-east-1 some do and some do
not, so a query names what comes after it. Sources: the API's own answers and the offer files of
us-east-1, us-east-2 and us-west-2 of 2026, as third parties wrote them down; infracost,
internal/resources/aws at 95ba4f4. A query that the API answers with nothing, or with several
prices, leaves its row as it was and is reported.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, kw_only=True)
class Query:
    """Products of a service; `units` of theirs are one of the row's (1,000,000 requests)."""

    service_code: str
    usage_type: str
    filters: Mapping[str, str] = field(default_factory=dict)
    units: float = 1
    region_field: str | None = "regionCode"  # None: the product belongs to no region


_LOAD_BALANCER = {"operation": "LoadBalancing:Application"}
_DYNAMODB, _S3, _LOGS, _WAF = "AmazonDynamoDB", "AmazonS3", "AmazonCloudWatch", "awswaf"

# Without one: eks_extended_hour. It is an announcement's; the list has the surcharge alone.
QUERIES: dict[str, Query] = {
    "alarm_metric_month": Query(service_code=_LOGS, usage_type="CW:AlarmMonitorUsage"),
    "alb_hour": Query(
        service_code="AWSELB", usage_type="LoadBalancerUsage", filters=_LOAD_BALANCER
    ),
    "alb_lcu_hour": Query(service_code="AWSELB", usage_type="LCUUsage", filters=_LOAD_BALANCER),
    "custom_metric_month": Query(service_code=_LOGS, usage_type="CW:MetricMonitorUsage"),
    # Its location is "Any", its region's code empty; three are free.
    "dashboard_month": Query(
        service_code=_LOGS, usage_type="DashboardsUsageHour", region_field=None
    ),
    "dynamodb_gb_month": Query(service_code=_DYNAMODB, usage_type="TimedStorage-ByteHrs"),
    "dynamodb_pitr_gb_month": Query(service_code=_DYNAMODB, usage_type="TimedPITRStorage-ByteHrs"),
    "dynamodb_read_million": Query(
        service_code=_DYNAMODB, usage_type="ReadRequestUnits", units=1e6
    ),
    "dynamodb_write_million": Query(
        service_code=_DYNAMODB, usage_type="WriteRequestUnits", units=1e6
    ),
    "ecr_gb_month": Query(service_code="AmazonECR", usage_type="TimedStorage-ByteHrs"),
    "eks_hour": Query(service_code="AmazonEKS", usage_type="AmazonEKS-Hours:perCluster"),
    "fargate_arm_gb_hour": Query(service_code="AmazonECS", usage_type="Fargate-ARM-GB-Hours"),
    "fargate_arm_vcpu_hour": Query(
        service_code="AmazonECS", usage_type="Fargate-ARM-vCPU-Hours:perCPU"
    ),
    "gp3_gb_month": Query(service_code="AmazonEC2", usage_type="EBS:VolumeUsage.gp3"),
    "guardrail_content_thousand": Query(
        service_code="AmazonBedrock",
        usage_type="Guardrail-ContentPolicyUnitsConsumed",
        units=1e3,
    ),
    "guardrail_sensitive_thousand": Query(
        service_code="AmazonBedrock",
        usage_type="Guardrail-SensitiveInformationPolicyPaidUnitsConsumed",
        units=1e3,
    ),
    "internet_out_gb": Query(
        service_code="AWSDataTransfer",
        usage_type="DataTransfer-Out-Bytes",
        filters={"transferType": "AWS Outbound"},
        region_field="fromRegionCode",  # what leaves a region is listed under it
    ),
    "kms_key_month": Query(service_code="awskms", usage_type="KMS-Keys"),
    "kms_request_10k": Query(service_code="awskms", usage_type="KMS-Requests", units=1e4),
    "lambda_gb_second": Query(service_code="AWSLambda", usage_type="Lambda-GB-Second"),
    "logs_ingested_gb": Query(service_code=_LOGS, usage_type="DataProcessing-Bytes"),
    "logs_stored_gb_month": Query(service_code=_LOGS, usage_type="TimedStorage-ByteHrs"),
    "lustre_gb_month": Query(
        service_code="AmazonFSx",
        usage_type="Storage.SSD.125",
        filters={"fileSystemType": "Lustre", "operation": "CreateFileSystem:Lustre"},
    ),
    "nat_gateway_gb": Query(service_code="AmazonEC2", usage_type="NatGateway-Bytes"),
    "nat_gateway_hour": Query(service_code="AmazonEC2", usage_type="NatGateway-Hours"),
    "observation_million": Query(service_code=_LOGS, usage_type="CW:ObservationUsage", units=1e6),
    "public_ipv4_hour": Query(service_code="AmazonVPC", usage_type="PublicIPv4:InUseAddress"),
    "s3_gb_month": Query(service_code=_S3, usage_type="TimedStorage-ByteHrs"),
    "s3_monitoring_thousand": Query(
        service_code=_S3, usage_type="Monitoring-Automation-INT", units=1e3
    ),
    "s3_put_thousand": Query(service_code=_S3, usage_type="Requests-Tier1", units=1e3),
    "vpc_endpoint_gb": Query(service_code="AmazonVPC", usage_type="VpcEndpoint-Bytes"),
    "vpc_endpoint_hour": Query(service_code="AmazonVPC", usage_type="VpcEndpoint-Hours"),
    "waf_acl_month": Query(service_code=_WAF, usage_type="WebACLV2"),
    "waf_request_million": Query(service_code=_WAF, usage_type="RequestV2-Tier1", units=1e6),
    "waf_rule_month": Query(service_code=_WAF, usage_type="RuleV2"),
}


def instance(instance_type: str) -> Query:
    """An EC2 instance on demand: Linux, shared tenancy, nothing installed."""
    return Query(
        service_code="AmazonEC2",
        usage_type=f"BoxUsage:{instance_type}",
        filters={
            "instanceType": instance_type,
            "operatingSystem": "Linux",
            "tenancy": "Shared",
            "preInstalledSw": "NA",
            "capacitystatus": "Used",
        },
    )


def hosting(hosting_type: str) -> Query:
    """An instance of a SageMaker real-time endpoint."""
    return Query(
        service_code="AmazonSageMaker",
        usage_type=f"Host:{hosting_type}",
        filters={"instanceName": hosting_type, "component": "Hosting"},
    )
