import pytest

NODE_ADDONS = {"vpc-cni", "kube-proxy", "eks-pod-identity-agent"}
POD_ADDONS = {"coredns", "eks-node-monitoring-agent"}


def test_auto_mode_is_off(stacks):
    """It is the CDK's default, and cannot give nodes EFA interfaces or a Neuron driver."""
    cluster = stacks("prod")["cluster"].only("AWS::EKS::Cluster")

    assert cluster["ComputeConfig"] == {"Enabled": False}
    assert cluster["StorageConfig"] == {"BlockStorage": {"Enabled": False}}


def test_the_version_is_the_environments(stacks):
    assert stacks("closed")["cluster"].only("AWS::EKS::Cluster")["Version"] == "1.34"


@pytest.mark.parametrize(("environment", "public"), [("prod", False), ("open", True)])
def test_the_endpoint_is_public_only_where_asked(stacks, environment, public):
    network = stacks(environment)["cluster"].only("AWS::EKS::Cluster")["ResourcesVpcConfig"]

    assert network["EndpointPublicAccess"] is public
    assert network["EndpointPrivateAccess"] is True


def test_the_control_plane_is_in_every_private_subnet(stacks):
    network = stacks("prod")["cluster"].only("AWS::EKS::Cluster")["ResourcesVpcConfig"]

    names = [subnet["Fn::GetStackOutput"]["OutputName"] for subnet in network["SubnetIds"]]

    assert len(names) == 3
    assert all("VpcPrivateSubnet" in name for name in names)


def test_every_log_of_the_control_plane_is_kept(stacks):
    cluster = stacks("prod")["cluster"].only("AWS::EKS::Cluster")

    kinds = {kind["Type"] for kind in cluster["Logging"]["ClusterLogging"]["EnabledTypes"]}

    assert kinds == {"api", "audit", "authenticator", "controllerManager", "scheduler"}


def test_secrets_are_encrypted_under_a_rotated_key(stacks):
    stack = stacks("prod")["cluster"]
    [encryption] = stack.only("AWS::EKS::Cluster")["EncryptionConfig"]

    [key] = [name for name in stack.every("AWS::KMS::Key") if name.startswith("SecretsKey")]

    assert encryption == {
        "Provider": {"KeyArn": {"Fn::GetAtt": [key, "Arn"]}},
        "Resources": ["secrets"],
    }
    assert stack.every("AWS::KMS::Key")[key]["EnableKeyRotation"] is True


def test_only_the_configured_roles_get_in(stacks):
    stack = stacks("closed")["cluster"]
    access = stack.only("AWS::EKS::Cluster")["AccessConfig"]

    admitted = {
        entry["PrincipalArn"]
        for entry in stack.every("AWS::EKS::AccessEntry").values()
        if isinstance(entry["PrincipalArn"], str)
    }

    assert access == {
        "AuthenticationMode": "API",
        "BootstrapClusterCreatorAdminPermissions": False,
    }
    assert admitted == {
        "arn:aws:iam::111122223333:role/ops/Admin",
        "arn:aws:iam::111122223333:role/Break",
    }
    for entry in stack.every("AWS::EKS::AccessEntry").values():
        [policy] = entry["AccessPolicies"]
        assert policy["AccessScope"] == {"Type": "cluster"}
        assert str(policy["PolicyArn"]).endswith("AmazonEKSClusterAdminPolicy']]}")


def test_by_default_none_gets_in_but_the_function_that_installs_charts(stacks):
    entry = stacks("prod")["cluster"].only("AWS::EKS::AccessEntry")

    assert entry["PrincipalArn"]["Fn::GetAtt"][0].startswith("KubectlRole")


def order(stack, addon):
    """What an add-on waits for, and what waits for it, by logical ID."""
    resources = stack.template["Resources"]
    [name] = [
        name
        for name, resource in resources.items()
        if resource["Type"] == "AWS::EKS::Addon" and resource["Properties"]["AddonName"] == addon
    ]
    after = {
        other for other, resource in resources.items() if name in resource.get("DependsOn", [])
    }
    return set(resources[name].get("DependsOn", [])), after


def test_the_addons_are_the_ones_nodes_and_pods_need(stacks):
    stack = stacks("prod")["cluster"]

    names = {addon["AddonName"] for addon in stack.every("AWS::EKS::Addon").values()}

    assert names == NODE_ADDONS | POD_ADDONS
    assert stack.only("AWS::EKS::Cluster")["BootstrapSelfManagedAddons"] is False


@pytest.mark.parametrize("addon", sorted(NODE_ADDONS))
def test_nodes_wait_for_what_makes_them_ready(stacks, addon):
    stack = stacks("prod")["cluster"]
    [nodes] = stack.every("AWS::EKS::Nodegroup")

    assert nodes in order(stack, addon)[1]


@pytest.mark.parametrize("addon", sorted(POD_ADDONS))
def test_pods_wait_for_a_node_to_run_on(stacks, addon):
    stack = stacks("prod")["cluster"]
    [nodes] = stack.every("AWS::EKS::Nodegroup")

    assert nodes in order(stack, addon)[0]


def test_its_name_is_an_output(stacks):
    stack = stacks("prod")["cluster"]
    [cluster] = stack.every("AWS::EKS::Cluster")

    assert stack.template["Outputs"]["ClusterName"]["Value"] == {"Ref": cluster}
