"""What AWS answers of an account that lacks nothing an environment needs.

A table: an operation, and its answer or a table of answers by a parameter. A fault is a change of
it. `deployed`: every stack of the environment is there already.
"""

from datetime import timedelta

from operations.mirror.plan import plan
from operations.preflight.needs import ADDONS
from operations.preflight.questions.cluster import _ROLES, _images
from tests.operations.preflight.aws_server import By, Refusal
from tests.operations.preflight.healthy_ec2 import ACCOUNT, NOW, capacity, network
from tests.operations.preflight.healthy_models import bedrock, quota, quotas
from workloads.hardware import REGIONS
from workloads.jobs.images import images as job_images
from workloads.versions import VERSIONS


class Parameters:
    """Systems Manager's parameters: an answer names those that it does not have."""

    def __init__(self, rows):
        self.rows = rows

    def __call__(self, Names, **_):
        missing = [name for name in Names if name not in self.rows]
        found = [{"Name": n, "Value": self.rows[n]} for n in Names if n in self.rows]
        return {"Parameters": found} | ({"InvalidParameters": missing} if missing else {})


class Repositories:
    """ECR's repositories of the account, by name."""

    def __init__(self, rows):
        self.rows = rows

    def __call__(self, repositoryNames, **_):
        for name in repositoryNames:
            if name not in self.rows:
                raise Refusal("RepositoryNotFoundException", "no such repository")
        return {"repositories": [{"repositoryName": name} for name in repositoryNames]}


class Registries:
    """ECR's images, by account, repository and tag or digest: their manifests."""

    def __init__(self, rows):
        self.rows = rows

    def __call__(self, registryId, repositoryName, imageIds, **_):
        [id] = imageIds
        version = id.get("imageTag") or id.get("imageDigest")
        if not any(row[:2] == (registryId, repositoryName) for row in self.rows):
            raise Refusal("RepositoryNotFoundException", "no such repository")
        manifest = self.rows.get((registryId, repositoryName, version))
        if manifest is None:
            return {"images": [], "failures": [{"imageId": id, "failureCode": "ImageNotFound"}]}
        return {"images": [{"imageId": id, "imageManifest": manifest}], "failures": []}


def images(name, config):
    found = {(VERSIONS.sagemaker.account, VERSIONS.sagemaker.repository, VERSIONS.sagemaker.tag)}
    found |= {(ACCOUNT, copy.repository, copy.target.partition(":")[2]) for copy in plan(config)}
    found |= {
        (ACCOUNT, f"{name}/workloads", each.tag)
        for each in job_images(config.region)
        if each.kind == "cpu" or each.kind.startswith("neuron")
    }
    found |= {
        ("111122223333", "ai-silicon/gateway", "1"),
        ("444455556666", "gateway", "sha256:0123"),
    }
    return dict.fromkeys(found, '{"schemaVersion": 2}')


def stacks(name, config, deployed):
    """The stacks' descriptions, and the resources of each that preflight looks at."""
    resources = {
        "network": {"AWS::EC2::VPC": "vpc-0"},
        "storage": {"AWS::KMS::Key": "k"},
        "cluster": {"AWS::EKS::Cluster": f"{name}-cluster-x"},
        "observability": {"AWS::SNS::Topic": f"arn:aws:sns:{config.region}:{ACCOUNT}:alarms"},
        "gateway": {"AWS::ECS::Cluster": "c"},
        **{f"pool-{pool.name}": {"AWS::EKS::Nodegroup": pool.name} for pool in config.pools},
        **{f"endpoint-{e.name}": {"AWS::SageMaker::Endpoint": e.name} for e in config.endpoints},
    }
    described = [
        {"StackName": "CDKToolkit", "CreationTime": NOW, "StackStatus": "UPDATE_COMPLETE"},
        *(
            {
                "StackName": f"{name}-{id}",
                "CreationTime": NOW,
                "StackStatus": "CREATE_COMPLETE",
                "EnableTerminationProtection": id == "storage",
                "Outputs": [
                    {"OutputKey": "ModelsBucket", "OutputValue": "models"},
                    {
                        "OutputKey": "ImagesRepository",
                        "OutputValue": f"{ACCOUNT}.dkr.ecr.{config.region}.amazonaws.com/"
                        f"{name}/workloads",
                    },
                ],
            }
            for id in (resources if deployed else ())
        ),
    ]
    rows = {
        f"{name}-{id}": {
            "StackResources": [
                {
                    "LogicalResourceId": "R",
                    "PhysicalResourceId": physical,
                    "ResourceType": kind,
                    "Timestamp": NOW,
                    "ResourceStatus": "CREATE_COMPLETE",
                }
                for kind, physical in found.items()
            ]
        }
        for id, found in resources.items()
    }
    return {
        "cloudformation:DescribeStacks": {"Stacks": described},
        "cloudformation:DescribeStackResources": By(
            "StackName", rows, Refusal("ValidationError", "Stack does not exist")
        ),
    }


def healthy(name, config, *, deployed=False):
    """The answers of an account that an environment can be deployed into, or is."""
    region = config.region
    place = f"{ACCOUNT}-{region}"
    roles = {role for role, _, _ in _ROLES} | {
        f"cdk-hnb659fds-{kind}-role-{place}"
        for kind in ("deploy", "file-publishing", "image-publishing", "cfn-exec", "lookup")
    }
    arns = {role: f"arn:aws:iam::{ACCOUNT}:role/{role}" for role in roles}
    arns |= {arn.rpartition("/")[2]: arn for arn in config.cluster.admins}
    applied = quotas()
    defaults = {service: [] for service in applied} | {
        "ebs": [quota("L-7A658B76", "Storage for General Purpose SSD (gp3) volumes, in TiB", 50.0)]
    }
    parameters = dict.fromkeys(_images(config), "ami-1")
    parameters["/cdk-bootstrap/hnb659fds/version"] = "33"
    endpoints = ["Another-Endpoint", *([f"{name}-{e.name}" for e in config.endpoints] * deployed)]
    no_role = Refusal("NoSuchEntity", "no such role")
    no_service = Refusal("NoSuchResourceException", "no such service")
    return {
        "sts:GetCallerIdentity": {
            "Account": ACCOUNT,
            "UserId": "U",
            "Arn": f"arn:aws:iam::{ACCOUNT}:root",
        },
        "ec2:DescribeRegions": {
            "Regions": [
                {"RegionName": region, "OptInStatus": "opt-in-not-required"} for region in REGIONS
            ]
        },
        "ec2:DescribeAvailabilityZones": {
            "AvailabilityZones": [
                {"ZoneId": zone, "State": "available", "RegionName": region}
                for zone in REGIONS[region]
            ]
        },
        "service-quotas:ListServiceQuotas": By(
            "ServiceCode", {s: {"Quotas": rows} for s, rows in applied.items()}, no_service
        ),
        "service-quotas:ListAWSDefaultServiceQuotas": By(
            "ServiceCode", {s: {"Quotas": rows} for s, rows in defaults.items()}, no_service
        ),
        "iam:GetRole": By(
            "RoleName",
            {
                role: {
                    "Role": {
                        "Path": "/",
                        "RoleName": role,
                        "RoleId": "A" * 16,
                        "Arn": arn,
                        "CreateDate": NOW,
                    }
                }
                for role, arn in arns.items()
            },
            no_role,
        ),
        "ssm:GetParameters": Parameters(parameters),
        "s3:HeadBucket": By(
            "Bucket", {f"cdk-hnb659fds-assets-{place}": {}}, Refusal("404", "Not Found", 404)
        ),
        "s3:ListBuckets": {"Buckets": [{"Name": "one"}]},
        "s3:ListObjectsV2": {"Contents": [{"Key": "tiny-llama/config.json"}]},
        "ecr:DescribeRepositories": Repositories({f"cdk-hnb659fds-container-assets-{place}"}),
        "ecr:BatchGetImage": Registries(images(name, config)),
        "eks:DescribeClusterVersions": {
            "clusterVersions": [
                {"clusterVersion": version, "versionStatus": "STANDARD_SUPPORT"}
                for version in VERSIONS.kubernetes
            ]
        },
        "eks:DescribeAddonVersions": {
            "addons": [
                {"addonName": name, "addonVersions": [{"addonVersion": "v1.0.0-eksbuild.1"}]}
                for name in ADDONS
            ]
        },
        "eks:ListClusters": {"clusters": ["another"]},
        "fsx:DescribeFileSystems": {"FileSystems": []},
        "elbv2:DescribeLoadBalancers": {"LoadBalancers": [{"Type": "network"}]},
        "acm:DescribeCertificate": {
            "Certificate": {
                "CertificateArn": str(config.gateway.certificate),
                "DomainName": "models.example.com",
                "Status": "ISSUED",
                "KeyAlgorithm": "RSA_2048",
                "NotAfter": NOW + timedelta(days=300),
            }
        },
        "sagemaker:ListEndpoints": {
            "Endpoints": [
                {
                    "EndpointName": endpoint,
                    "EndpointArn": f"arn:aws:sagemaker:{region}:{ACCOUNT}:endpoint/x",
                    "CreationTime": NOW,
                    "LastModifiedTime": NOW,
                    "EndpointStatus": "InService",
                }
                for endpoint in endpoints
            ]
        },
        "sagemaker:DescribeEndpoint": By(
            "EndpointName",
            {
                endpoint: {
                    "EndpointName": endpoint,
                    "EndpointArn": f"arn:aws:sagemaker:{region}:{ACCOUNT}:endpoint/x",
                    "EndpointConfigName": "config",
                    "EndpointStatus": "InService",
                    "CreationTime": NOW,
                    "LastModifiedTime": NOW,
                }
                for endpoint in endpoints
            },
            Refusal("ValidationException", "Could not find endpoint"),
        ),
        "sagemaker:DescribeEndpointConfig": {
            "EndpointConfigName": "config",
            "EndpointConfigArn": f"arn:aws:sagemaker:{region}:{ACCOUNT}:endpoint-config/config",
            "CreationTime": NOW,
            "ProductionVariants": [
                {"VariantName": "v", "InstanceType": "ml.inf2.xlarge", "InitialInstanceCount": 1}
            ],
        },
        "sns:ListSubscriptionsByTopic": {
            "Subscriptions": [
                {"SubscriptionArn": "arn:aws:sns:a:b:c:d", "Endpoint": "platform@example.com"}
            ]
        },
        "ce:ListCostAllocationTags": {
            "CostAllocationTags": [
                {"TagKey": tag, "Type": "UserDefined", "Status": "Active"}
                for tag in ("project", "environment")
            ]
        },
        **stacks(name, config, deployed),
        **network(config, deployed),
        **capacity(name, config, deployed),
        **bedrock(config),
    }
