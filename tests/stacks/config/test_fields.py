import botocore.session
import pytest
from pydantic import TypeAdapter, ValidationError

from stacks.config.fields import HostingType
from workloads.hardware import INSTANCES, REGIONS

ENDPOINT = {"name": "a", "model": "a", "instance_type": "ml.inf2.xlarge"}

REFUSED = {
    # region, account, tags
    "unknown region": (
        {"region": "us-east-9"},
        'region = "us-east-9": not a region of the hardware table; did you mean us-east-2 or '
        "us-east-1? (`python -m operations.catalog --region R` adds a new region)",
    ),
    "account without quotes": (
        {"account": 111122223333},
        'account = 111122223333: it must be 12 digits in quotes, such as "111122223333"',
    ),
    "short account": (
        {"account": "1234"},
        'account = "1234": it must be 12 digits in quotes, such as "111122223333"',
    ),
    "tag of AWS": (
        {"tags": {"aws:x": "1"}},
        'tags."aws:x" = "1": begins with aws:, which AWS keeps for itself; rename it, to x',
    ),
    # network
    "one zone": (
        {"network": {"zones": ["use2-az3"]}},
        'network.zones = ["use2-az3"]: it must be the IDs of two or more Availability Zones '
        '(EKS needs two), such as ["use2-az1", "use2-az2"]',
    ),
    "zone twice": (
        {"network": {"zones": ["use2-az3", "use2-az3"]}},
        'network.zones = ["use2-az3", "use2-az3"]: use2-az3 is given twice; give it once',
    ),
    "zone name": (
        {"network": {"zones": ["us-east-2a", "use2-az3"]}},
        'network.zones[0] = "us-east-2a": a zone name stands for another place in every account; '
        "give the zone's ID, such as use2-az1 (`aws ec2 describe-availability-zones` has both)",
    ),
    "no zone at all": (
        {"network": {"zones": ["ohio", "use2-az3"]}},
        'network.zones[0] = "ohio": not the ID of an Availability Zone, such as use2-az1',
    ),
    "no range": (
        {"network": {"cidr": "ten"}},
        'network.cidr = "ten": not an IPv4 range such as 10.0.0.0/16',
    ),
    "range from the middle": (
        {"network": {"cidr": "10.0.5.0/16"}},
        'network.cidr = "10.0.5.0/16": write the range by its first address, 10.0.0.0/16',
    ),
    "public range": (
        {"network": {"cidr": "52.94.0.0/16"}},
        'network.cidr = "52.94.0.0/16": not private; choose within 10.0.0.0/8, 172.16.0.0/12 or '
        "192.168.0.0/16",
    ),
    "small range": (
        {"network": {"cidr": "10.0.0.0/21"}},
        'network.cidr = "10.0.0.0/21": pods and EFA interfaces need at least /20; write a range '
        "of /16 to /20, such as 10.0.0.0/16",
    ),
    "large range": (
        {"network": {"cidr": "10.0.0.0/15"}},
        'network.cidr = "10.0.0.0/15": EC2 takes a VPC of at most /16; write a part of the range, '
        "such as 10.0.0.0/16",
    ),
    "unknown egress": (
        {"network": {"egress": "none"}},
        'network.egress = "none": it must be "nat", or "private" for VPC endpoints only and no '
        "way out",
    ),
    # storage, cluster
    "size Lustre does not come in": (
        {"storage": {"lustre_gib": 3600}},
        "storage.lustre_gib = 3600: FSx for Lustre comes in 1200 GiB or a multiple of 2400; "
        "0 means none",
    ),
    "negative size": (
        {"storage": {"lustre_gib": -2400}},
        "storage.lustre_gib = -2400: FSx for Lustre comes in 1200 GiB or a multiple of 2400; "
        "0 means none",
    ),
    "user for a role": (
        {"cluster": {"admins": ["arn:aws:iam::111122223333:user/ann"]}},
        'cluster.admins[0] = "arn:aws:iam::111122223333:user/ann": it is a user\'s; give a '
        "role's that the user may assume, such as arn:aws:iam::111122223333:role/Admin",
    ),
    "unknown endpoint access": (
        {"cluster": {"endpoint": "both"}},
        'cluster.endpoint = "both": it must be "private" or "public"',
    ),
    "number for a version": (
        {"cluster": {"kubernetes_version": 1.30}},
        "cluster.kubernetes_version = 1.3: it is a number, which drops a last zero; write it in "
        'quotes: "1.34", "1.35" or "1.36"',
    ),
    "unknown version": (
        {"cluster": {"kubernetes_version": "1.12"}},
        'cluster.kubernetes_version = "1.12": no node image is pinned for it; choose "1.34", '
        '"1.35" or "1.36"',
    ),
    # endpoints
    "type of EC2 for an endpoint": (
        {"endpoints": [ENDPOINT | {"instance_type": "inf2.xlarge"}]},
        'endpoints["a"].instance_type = "inf2.xlarge": not a Neuron type of SageMaker endpoints; '
        "known: ml.inf2.24xlarge, ml.inf2.48xlarge, ml.inf2.8xlarge, ml.inf2.xlarge, "
        "ml.trn1.2xlarge, ml.trn1.32xlarge",
    ),
    "path of a model": (
        {"endpoints": [ENDPOINT | {"model": "/a"}]},
        'endpoints["a"].model = "/a": it must be a prefix in the models bucket, such as '
        "tiny-llama, with no slash at either end",
    ),
    # the gateway and the budget
    "public without certificate": (
        {"gateway": {"public": True}},
        "gateway.public = true: a public gateway needs certificate, the ARN of one in AWS "
        "Certificate Manager; set it, or set public = false",
    ),
    "no certificate": (
        {"gateway": {"certificate": "mine"}},
        'gateway.certificate = "mine": it must be the ARN of a certificate in AWS Certificate '
        "Manager",
    ),
    "no amount": (
        {"budget": {"monthly_usd": 0, "email": "a@example.com"}},
        "budget.monthly_usd = 0: it must be an amount in USD above 0",
    ),
    "amount without end": (
        {"budget": {"monthly_usd": float("inf"), "email": "a@example.com"}},
        "budget.monthly_usd = Infinity: it must be an amount in USD above 0",
    ),
    "no address": (
        {"budget": {"monthly_usd": 5, "email": "example.com"}},
        'budget.email = "example.com": it must be an e-mail address, such as platform@example.com',
    ),
}


@pytest.mark.parametrize(("changes", "sentence"), REFUSED.values(), ids=REFUSED)
def test_a_value_of_the_wrong_form_ends_in_one_sentence(refusal, changes, sentence):
    assert refusal(**changes) == sentence


@pytest.mark.parametrize("region", REGIONS)
def test_every_region_and_its_zones_can_be_a_network(load, region):
    zones = [zone for zone in REGIONS[region] if zone != "use1-az3"]  # EKS is not there

    config = load(region=region, network={"zones": zones})

    assert list(config.network.zones) == zones


def test_endpoint_types_are_those_sagemaker_hosts_of_the_images_families():
    model = botocore.session.get_session().get_service_model("sagemaker")
    hosted = {
        name
        for name in model.shape_for("ProductionVariantInstanceType").enum
        if name.split(".")[1] in ("inf2", "trn1")
    }
    offered = TypeAdapter(HostingType)

    assert {name for name in map("ml.{}".format, INSTANCES) if accepts(offered, name)} == hosted


def accepts(kind, value):
    try:
        kind.validate_python(value)
    except ValidationError:
        return False
    return True
