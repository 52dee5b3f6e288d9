"""What EKS and IAM can lack."""

from tests.operations.preflight.faults.injected import fault, set_quota


@fault("dev", "cluster-quotas", "fails", "EKS clusters in the region", "L-1194D53C")
def no_cluster_left(answers):
    answers["eks:ListClusters"]["clusters"] = [f"c{n}" for n in range(100)]


@fault(
    "dev",
    "cluster-quotas",
    "fails",
    "managed node groups in a cluster",
    "L-6D54EA21 --desired-value 4",
)
def too_few_node_groups(answers):
    set_quota(answers, "eks", "L-6D54EA21", 3.0)


@fault(
    "prod",
    "cluster-quotas",
    "fails",
    "nodes in a managed node group",
    "L-BD136A63 --desired-value 8",
)
def too_few_nodes_in_a_group(answers):
    set_quota(answers, "eks", "L-BD136A63", 5.0)


@fault("prod", "kubernetes-version", "fails", "no cluster of Kubernetes 1.35", '"1.36"')
def kubernetes_version_is_gone(answers):
    rows = answers["eks:DescribeClusterVersions"]["clusterVersions"]
    rows[:] = [row for row in rows if row["clusterVersion"] != "1.35"]


@fault("prod", "kubernetes-version", "note", "extended support", "kubernetes_version")
def kubernetes_version_costs_extra(answers):
    rows = answers["eks:DescribeClusterVersions"]["clusterVersions"]
    for row in rows:
        if row["clusterVersion"] == "1.35":
            row["versionStatus"] = "EXTENDED_SUPPORT"


@fault(
    "prod",
    "node-images",
    "fails",
    "amazon-eks-node-al2023-x86_64-neuron-1.35-v20260618 (pool trn1)",
    "versions.toml",
)
def node_image_is_withdrawn(answers):
    rows = answers["ssm:GetParameters"].rows
    [name] = [name for name in rows if "/neuron/" in name]
    del rows[name]


@fault(
    "dev",
    "add-ons",
    "fails",
    "eks-node-monitoring-agent for Kubernetes 1.35",
    "describe-addon-versions",
)
def add_on_is_not_published(answers):
    del answers["eks:DescribeAddonVersions"]["addons"][-1]


@fault("closed", "admins", "fails", "no role Admin", "create-role")
def administrator_is_not_there(answers):
    del answers["iam:GetRole"].rows["Admin"]


@fault(
    "closed",
    "admins",
    "fails",
    "role Admin is arn:aws:iam::111122223333:role/Admin",
    "cluster.admins",
)
def administrator_has_another_path(answers):
    role = answers["iam:GetRole"].rows["Admin"]["Role"]
    role["Arn"] = "arn:aws:iam::111122223333:role/Admin"


@fault(
    "prod",
    "service-linked-roles",
    "may fail",
    "no AWSServiceRoleForECS yet",
    "--aws-service-name ecs.amazonaws.com",
)
def first_use_of_ecs(answers):
    del answers["iam:GetRole"].rows["AWSServiceRoleForECS"]


@fault("dev", "service-linked-roles", "may fail", "AWSServiceRoleForEC2Spot", "spot.amazonaws.com")
def first_use_of_spot(answers):
    del answers["iam:GetRole"].rows["AWSServiceRoleForEC2Spot"]
