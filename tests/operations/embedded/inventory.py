"""Everything that exists in an emulated account, asked of every service that the stacks use."""

from typing import Any

import jmespath

ACCOUNT = "000000000000"

# Service, method, parameters, and the JMESPath to what identifies each thing.
_LISTS: tuple[tuple[str, str, dict[str, Any], str], ...] = (
    (
        "application-autoscaling",
        "describe_scalable_targets",
        {"ServiceNamespace": "ecs"},
        "ScalableTargets[].ResourceId",
    ),
    (
        "application-autoscaling",
        "describe_scaling_policies",
        {"ServiceNamespace": "ecs"},
        "ScalingPolicies[].PolicyARN",
    ),
    ("bedrock", "list_guardrails", {}, "guardrails[].id"),
    ("budgets", "describe_budgets", {"AccountId": ACCOUNT}, "Budgets[].BudgetName"),
    ("cloudwatch", "describe_alarms", {}, "MetricAlarms[].AlarmName"),
    ("cloudwatch", "list_dashboards", {}, "DashboardEntries[].DashboardName"),
    ("dynamodb", "list_tables", {}, "TableNames"),
    ("ec2", "describe_addresses", {}, "Addresses[].AllocationId"),
    ("ec2", "describe_flow_logs", {}, "FlowLogs[].FlowLogId"),
    ("ec2", "describe_internet_gateways", {}, "InternetGateways[].InternetGatewayId"),
    ("ec2", "describe_launch_templates", {}, "LaunchTemplates[].LaunchTemplateId"),
    ("ec2", "describe_nat_gateways", {}, "NatGateways[?State != 'deleted'].NatGatewayId"),
    ("ec2", "describe_network_interfaces", {}, "NetworkInterfaces[].NetworkInterfaceId"),
    ("ec2", "describe_placement_groups", {}, "PlacementGroups[].GroupName"),
    ("ec2", "describe_route_tables", {}, "RouteTables[].RouteTableId"),
    ("ec2", "describe_security_groups", {}, "SecurityGroups[].GroupId"),
    ("ec2", "describe_subnets", {}, "Subnets[].SubnetId"),
    ("ec2", "describe_vpc_endpoints", {}, "VpcEndpoints[].VpcEndpointId"),
    ("ec2", "describe_vpcs", {}, "Vpcs[].VpcId"),
    ("ecr", "describe_repositories", {}, "repositories[].repositoryName"),
    ("ecs", "list_clusters", {}, "clusterArns"),
    ("ecs", "list_task_definitions", {"status": "ACTIVE"}, "taskDefinitionArns"),
    ("eks", "list_clusters", {}, "clusters"),
    ("elbv2", "describe_load_balancers", {}, "LoadBalancers[].LoadBalancerArn"),
    ("elbv2", "describe_target_groups", {}, "TargetGroups[].TargetGroupArn"),
    ("iam", "list_roles", {}, "Roles[].RoleName"),
    ("lambda", "list_layers", {}, "Layers[].LayerName"),
    ("lambda", "list_functions", {}, "Functions[].FunctionName"),
    ("logs", "describe_log_groups", {}, "logGroups[].logGroupName"),
    ("s3", "list_buckets", {}, "Buckets[].Name"),
    ("sagemaker", "list_endpoint_configs", {}, "EndpointConfigs[].EndpointConfigName"),
    ("sagemaker", "list_endpoints", {}, "Endpoints[].EndpointName"),
    ("sagemaker", "list_models", {}, "Models[].ModelName"),
    ("sns", "list_subscriptions", {}, "Subscriptions[].SubscriptionArn"),
    ("sns", "list_topics", {}, "Topics[].TopicArn"),
    ("ssm", "describe_parameters", {}, "Parameters[].Name"),
    ("wafv2", "list_web_acls", {"Scope": "REGIONAL"}, "WebACLs[].ARN"),
)


def everything(emulator: Any) -> set[tuple[str, str, str]]:
    """Service, listing and identity of each thing; a key counts until its deletion is due."""
    found = {
        (service, method, identity)
        for service, method, parameters, path in _LISTS
        for identity in jmespath.search(
            path, getattr(emulator.client(service), method)(**parameters)
        )
        or ()
    }
    kms = emulator.client("kms")
    for key in kms.list_keys()["Keys"]:
        metadata = kms.describe_key(KeyId=key["KeyId"])["KeyMetadata"]
        if metadata["KeyState"] != "PendingDeletion":
            found.add(("kms", "list_keys", key["KeyId"]))
    return found
