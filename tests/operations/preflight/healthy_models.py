"""What Service Quotas and Bedrock answer of a healthy account."""

from tests.operations.preflight.aws_server import By, Refusal
from tests.operations.preflight.healthy_ec2 import ACCOUNT, NOW
from workloads.hardware import INSTANCES, QUOTAS


def quota(code, name, value):
    return {"QuotaCode": code, "QuotaName": name, "Value": value, "Adjustable": True}


def quotas():
    """An account's own, by service: what a team that trains has been given."""
    vcpus = [
        quota(code, f"{market} {kind} instances", 4000.0)
        for kind, row in QUOTAS.items()
        for market, code in (("Running On-Demand", row.on_demand), ("All Spot", row.spot))
        if code
    ]
    hosting = [
        quota(f"L-{number:07X}{use[0].upper()}", f"ml.{name} for {use} usage", 2.0)
        for number, name in enumerate(INSTANCES)
        for use in ("endpoint", "training job")
        if name.startswith(("inf", "trn"))
    ]
    return {
        "ec2": [*vcpus, quota("L-0263D0A3", "EC2-VPC Elastic IPs", 5.0)],
        "vpc": [
            quota("L-F678F1CE", "VPCs per Region", 5.0),
            quota("L-FE5A380F", "NAT gateways per Availability Zone", 5.0),
            quota("L-A4707A72", "Internet gateways per Region", 5.0),
            quota("L-1B52E74A", "Gateway VPC endpoints per Region", 20.0),
            quota("L-29B6F2EB", "Interface VPC endpoints per VPC", 50.0),
            quota("L-0EA8095F", "Inbound or outbound rules per security group", 60.0),
            quota("L-DF5E4CA3", "Network interfaces per Region", 5000.0),
        ],
        "eks": [
            quota("L-1194D53C", "Clusters", 100.0),
            quota("L-6D54EA21", "Managed node groups per cluster", 30.0),
            quota("L-BD136A63", "Nodes per managed node group", 450.0),
        ],
        "ebs": [],  # at AWS's default
        "s3": [quota("L-DC2B2D3D", "General purpose buckets", 10000.0)],
        "fsx": [quota("L-FD6F2F22", "Lustre Persistent_2 file systems", 100.0)],
        "fargate": [quota("L-3032A538", "Fargate On-Demand vCPU resource count", 140.0)],
        "elasticloadbalancing": [
            quota("L-53DA6B97", "Application Load Balancers per Region", 50.0)
        ],
        "sagemaker": hosting,
        "bedrock": [
            quota("L-7C42E72A", f"{how} model inference tokens per minute for {model}", 8e6)
            for how in ("Cross-region", "Global cross-region", "On-demand")
            for model in ("Amazon Nova Lite", "Anthropic Claude Sonnet 4.5 V1")
        ],
    }


MODELS = {
    "amazon.nova-lite-v1:0": "Nova Lite",
    "anthropic.claude-sonnet-4-5-20250929-v1:0": "Claude Sonnet 4.5",
}


def bedrock(config):
    arn = f"arn:aws:bedrock:{config.region}:{ACCOUNT}"
    profiles = {
        id: {
            "inferenceProfileName": "profile",
            "inferenceProfileArn": f"{arn}:inference-profile/{id.rpartition('/')[2]}",
            "inferenceProfileId": id.rpartition("/")[2],
            "models": [
                {"modelArn": f"arn:aws:bedrock:{region}::foundation-model/{model}"}
                for region in ("us-east-1", config.region)
            ],
            "status": "ACTIVE",
            "type": "APPLICATION" if id.startswith("arn:") else "SYSTEM_DEFINED",
        }
        for id, model in {
            "us.amazon.nova-lite-v1:0": "amazon.nova-lite-v1:0",
            "global.anthropic.claude-sonnet-4-5-20250929-v1:0": (
                "anthropic.claude-sonnet-4-5-20250929-v1:0"
            ),
            f"{arn}:application-inference-profile/abc123": "amazon.nova-lite-v1:0",
        }.items()
    }
    gone = Refusal("ResourceNotFoundException", "no such thing")
    details = {
        id: {
            "modelDetails": {
                "modelArn": f"arn:aws:bedrock:{config.region}::foundation-model/{id}",
                "modelId": id,
                "modelName": name,
                "inferenceTypesSupported": ["ON_DEMAND"],
                "modelLifecycle": {"status": "ACTIVE"},
            }
        }
        for id, name in MODELS.items()
    }
    availability = {
        id: {
            "modelId": id,
            # Nova is Amazon's own: nothing is signed for it.
            "agreementAvailability": {
                "status": "NOT_AVAILABLE" if id.startswith("amazon.") else "AVAILABLE"
            },
            "authorizationStatus": "AUTHORIZED",
            "entitlementAvailability": "AVAILABLE",
            "regionAvailability": "AVAILABLE",
        }
        for id in MODELS
    }
    imported = f"{arn}:imported-model/xyz789"
    provisioned = f"{arn}:provisioned-model/pro123"
    deployment = f"{arn}:custom-model-deployment/dep123"
    foundation = f"arn:aws:bedrock:{config.region}::foundation-model/amazon.nova-lite-v1:0"
    throughput = {
        "modelUnits": 1,
        "desiredModelUnits": 1,
        "provisionedModelName": "mine",
        "provisionedModelArn": provisioned,
        "modelArn": foundation,
        "desiredModelArn": foundation,
        "foundationModelArn": foundation,
        "status": "InService",
        "creationTime": NOW,
        "lastModifiedTime": NOW,
    }
    custom = {
        "customModelDeploymentArn": deployment,
        "modelDeploymentName": "mine",
        "modelArn": f"{arn}:custom-model/abc",
        "createdAt": NOW,
        "status": "Active",
    }
    return {
        "bedrock:GetInferenceProfile": By("inferenceProfileIdentifier", profiles, gone),
        "bedrock:GetFoundationModel": By("modelIdentifier", details, gone),
        "bedrock:GetFoundationModelAvailability": By("modelId", availability, gone),
        "bedrock:GetImportedModel": By("modelIdentifier", {imported: {"modelArn": imported}}, gone),
        "bedrock:GetProvisionedModelThroughput": By(
            "provisionedModelId", {provisioned: throughput}, gone
        ),
        "bedrock:GetCustomModelDeployment": By(
            "customModelDeploymentIdentifier", {deployment: custom}, gone
        ),
        "bedrock:GetUseCaseForModelAccess": {"formData": b"{}"},
        "bedrock:ListGuardrails": {"guardrails": []},
    }
