import base64

import pytest

SCRIPT = 'Content-Type: text/x-shellscript; charset="us-ascii"\n\n#!/bin/bash\n'


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("DiskSize", 100),
        ("InstanceTypes", ["trn1.32xlarge"]),
        ("RemoteAccess", {"Ec2SshKey": "key", "SourceSecurityGroups": ["sg-0123456789abcdef0"]}),
    ],
)
def test_a_setting_in_two_places_is_found(prod, key, value):
    prod.group()[key] = value

    assert prod.rules == {"one-place"}


def test_a_managed_groups_image_in_two_places_is_found(prod):
    prod.data("epyc")["ImageId"] = "ami-0123456789abcdef0"

    assert prod.rules == {"one-place"}


def test_user_data_that_is_no_mime_is_found(prod):
    prod.data()["UserData"] = base64.b64encode(b"#!/bin/bash\necho\n").decode()

    assert prod.rules == {"user-data-mime"}


@pytest.mark.parametrize(
    ("rule", "line"),
    [
        ("user-data-cluster", "/etc/eks/bootstrap.sh prod"),
        ("user-data-installs", "curl -O https://efa-installer.amazonaws.com/aws-efa-installer.tgz"),
        ("user-data-installs", "dnf -y install aws-neuronx-dkms"),
        ("user-data-installs", "cd aws-efa-installer && ./efa_installer.sh -y -g"),
        ("user-data-installs", "wget https://example.com/run.sh"),
        ("user-data-installs", "pip install torch-neuronx"),
        ("logical-cores", "echo NEURON_LOGICAL_NC_CONFIG=1 > /opt/aws/neuron/logical_nc_config"),
    ],
)
def test_a_wrong_command_at_boot_is_found(prod, rule, line):
    prod.replace("#!/bin/bash\n", f"#!/bin/bash\n{line}\n")

    assert prod.rules == {rule}


@pytest.mark.parametrize(
    "line",
    [
        "# dnf install nothing",
        "rm -rf /tmp/aws-efa-installer",
        'curl -X PUT "http://169.254.169.254/latest/api/token"',
        "aws s3 cp s3://bucket/key .",
        "curl https://bucket.s3.us-east-2.amazonaws.com/key",
    ],
)
def test_what_needs_no_way_out_is_fine(prod, line):
    prod.replace("#!/bin/bash\n", f"#!/bin/bash\n{line}\n")

    assert prod.rules == set()


def test_a_cluster_in_a_managed_groups_node_config_is_found(prod):
    prod.replace("spec:\n", "spec:\n  cluster:\n    apiServerEndpoint: https://example.com\n")

    assert prod.rules == {"user-data-cluster"}


def test_logical_cores_other_than_one_and_two_are_found(prod):
    prod.replace("#!/bin/bash\n", "#!/bin/bash\nNEURON_LOGICAL_NC_CONFIG=4\n")

    assert prod.rules == {"logical-cores"}


def small(data):
    data["BlockDeviceMappings"][0]["Ebs"]["VolumeSize"] = 20


def by_default(data):
    del data["BlockDeviceMappings"]


@pytest.mark.parametrize("plant", [small, by_default])
def test_a_small_root_volume_is_found(prod, plant):
    plant(prod.data("inf2"))

    assert prod.rules == {"root-volume-size"}


@pytest.mark.parametrize("plant", [small, by_default])
def test_where_local_disks_hold_the_images_the_root_volume_may_be_small(prod, plant):
    plant(prod.data("trn1"))

    assert prod.rules == set()


def test_a_volume_that_is_not_encrypted_is_found(prod):
    prod.data()["BlockDeviceMappings"][0]["Ebs"]["Encrypted"] = False

    assert prod.rules == {"volumes-encrypted"}


@pytest.mark.parametrize(
    ("rule", "options"),
    [
        ("metadata-token", {"HttpTokens": "optional", "HttpPutResponseHopLimit": 1}),
        ("metadata-token", {"HttpPutResponseHopLimit": 1}),
        ("metadata-token", None),
        ("metadata-hops", {"HttpTokens": "required", "HttpPutResponseHopLimit": 2}),
    ],
)
def test_an_open_metadata_service_is_found(prod, rule, options):
    if options:
        prod.data()["MetadataOptions"] = options
    else:
        del prod.data()["MetadataOptions"]

    assert prod.rules == {rule}
