import tomllib
from ipaddress import ip_network
from itertools import combinations

import botocore.session
import pytest
import tomli_w
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from stacks import config_pools, config_rules
from stacks.config import (
    ENVIRONMENTS,
    ConfigError,
    load_environments,
)
from stacks.config_fields import HostingType
from workloads.hardware import INSTANCES, REGIONS
from workloads.versions import NeuronAmi, Versions

SMALLEST = """\
region = "us-east-2"
[network]
zones = ["use2-az2", "use2-az3"]
"""
RESERVATION = "cr-0123456789abcdef0"


@pytest.fixture
def load(tmp_path):
    def load(text, name="test"):
        (tmp_path / f"{name}.toml").write_text(text)
        return load_environments(tmp_path)[name]

    return load


def refused(folder):
    with pytest.raises(ConfigError) as refusal:
        load_environments(folder)
    return str(refusal.value)


def pool(instance_type="trn1.32xlarge", zone="use2-az3", more=""):
    return (
        SMALLEST
        + f'[[pools]]\nname = "one"\ninstance_type = "{instance_type}"\nzone = "{zone}"\n{more}\n'
    )


def capacity(kind, more="", instance_type="trn1.32xlarge"):
    return pool(instance_type, more=f'[pools.capacity]\nkind = "{kind}"\n{more}')


def test_the_smallest_file_gets_the_defaults_of_the_contract(load):
    config = load(SMALLEST)

    assert config.account is None
    assert config.network.cidr == "10.0.0.0/16"
    assert config.network.egress == "nat"
    assert config.storage.retain is True
    assert config.storage.lustre_gib == 0
    assert config.cluster.kubernetes_version == "1.35"
    assert config.cluster.endpoint == "private"
    assert (config.tags, config.pools, config.endpoints) == ({}, (), ())
    assert config.gateway.models == ()
    assert config.gateway.public is False
    assert config.budget is None


def test_a_file_may_say_everything_of_the_contract(load):
    config = load(
        f"""
region  = "us-east-2"
account = "111122223333"
tags    = {{ project = "ai-silicon" }}
[network]
zones  = ["use2-az1", "use2-az2", "use2-az3"]
cidr   = "10.0.0.0/16"
egress = "nat"
[storage]
retain     = false
lustre_gib = 4800
[cluster]
kubernetes_version = "1.36"
endpoint           = "public"
admins             = ["arn:aws:iam::111122223333:role/path/Admin"]
[[pools]]
name          = "trn1"
instance_type = "trn1.32xlarge"
zone          = "use2-az3"
min_nodes     = 1
max_nodes     = 4
efa           = true
[pools.capacity]
kind            = "reservation"
reservation     = "{RESERVATION}"
placement_group = "name"
[[endpoints]]
name          = "tiny-llama"
instance_type = "ml.inf2.xlarge"
model         = "tiny-llama"
[gateway]
image       = "repository:tag"
public      = true
certificate = "arn:aws:acm:us-east-2:111122223333:certificate/0-a"
[[gateway.models]]
name     = "nova"
bedrock  = "amazon.nova-lite-v1:0"
fallback = ["own"]
price    = {{ input = 0.06, output = 0.24 }}
[[gateway.models]]
name   = "own"
openai = "http://127.0.0.1:8000/v1"
[budget]
monthly_usd = 5000
email = "platform@example.com"
"""
    )

    assert config.pools[0].capacity.reservation == RESERVATION
    assert config.pools[0].hardware is INSTANCES["trn1.32xlarge"]
    assert config.gateway.models[0].fallback == ("own",)
    assert config.budget.monthly_usd == 5000


@pytest.mark.parametrize(
    ("instance_type", "max_nodes", "efa"),
    [
        ("trn1.32xlarge", 2, True),
        ("trn1.32xlarge", 1, False),
        ("trn1.2xlarge", 2, False),
        ("inf2.48xlarge", 4, False),
        ("m7a.48xlarge", 4, True),
        ("m7a.4xlarge", 4, False),
    ],
)
def test_efa_is_on_where_the_type_has_it_and_nodes_can_be_several(
    load, instance_type, max_nodes, efa
):
    assert load(pool(instance_type, more=f"max_nodes = {max_nodes}")).pools[0].efa is efa


def test_efa_can_be_left_out_or_asked_for_against_the_default(load):
    assert load(pool(more="max_nodes = 4\nefa = false")).pools[0].efa is False
    assert load(pool(more="max_nodes = 1\nefa = true")).pools[0].efa is True


# Every file that must be refused: the text, and the one sentence it ends in.
REFUSED = {
    # keys and types
    "misspelt section": (
        SMALLEST + "[storge]\nretain = true",
        "storge is not a known key; did you mean storage?",
    ),
    "misspelt key": (
        SMALLEST + 'cdir = "10.0.0.0/16"',
        'network.cdir = "10.0.0.0/16" is not a known key; did you mean cidr?',
    ),
    "misspelt required key is told once": (
        SMALLEST.replace("zones", "zonse"),
        'network.zonse = ["use2-az2", "use2-az3"] is not a known key; did you mean zones?',
    ),
    "misspelt key of a pool": (
        pool(more="max_node = 4"),
        'pools["one"].max_node = 4 is not a known key; did you mean max_nodes?',
    ),
    "misspelt key below a pool": (
        pool(more='[pools.capacity]\nkid = "spot"'),
        'pools["one"].capacity.kid = "spot" is not a known key; did you mean kind?',
    ),
    "unknown key that resembles none": (
        SMALLEST + "[storage]\nxyz = 1",
        "storage.xyz = 1 is not a known key; known here: retain, lustre_gib",
    ),
    "missing region": (
        SMALLEST.replace('region = "us-east-2"', ""),
        "region is missing; it must be an AWS region, such as us-east-2",
    ),
    "missing network": (
        'region = "us-east-2"',
        "network is missing; it must be a table, written [network], with the key zones",
    ),
    "missing zone of a pool": (
        pool().replace("zone = ", "# "),
        'pools["one"].zone is missing; it must be the ID of an Availability Zone, such as use2-az1',
    ),
    "missing name of a pool": (
        pool().replace("name = ", "# "),
        "pools[0].name is missing; it must be up to 20 lower-case letters, digits and hyphens "
        "that start with a letter",
    ),
    "one table instead of a list": (
        pool().replace("[[pools]]", "[pools]"),
        "pools: it must be tables, each written [[pools]]",
    ),
    "value instead of a table": (
        f"storage = 5\n{SMALLEST}",
        "storage = 5: it must be a table",
    ),
    "text for a switch": (
        SMALLEST + '[storage]\nretain = "no"',
        'storage.retain = "no": it must be true or false, without quotes',
    ),
    "text for a number": (
        pool(more='max_nodes = "4"'),
        'pools["one"].max_nodes = "4": it must be a whole number of nodes from 1 to 450',
    ),
    "number for a version": (
        SMALLEST + "[cluster]\nkubernetes_version = 1.30",
        "cluster.kubernetes_version = 1.3: it must be in quotes, and one of 1.34, 1.35, 1.36",
    ),
    "unknown version": (
        SMALLEST + '[cluster]\nkubernetes_version = "1.12"',
        'cluster.kubernetes_version = "1.12": it must be in quotes, and one of 1.34, 1.35, 1.36',
    ),
    # region, account, tags
    "unknown region": (
        SMALLEST.replace("us-east-2", "us-east-9"),
        'region = "us-east-9": not a region of the hardware table; did you mean us-east-2 or '
        "us-east-1? (`python -m operations.catalog --region R` adds a new region)",
    ),
    "account without quotes": (
        f"account = 111122223333\n{SMALLEST}",
        'account = 111122223333: it must be 12 digits in quotes, such as "111122223333"',
    ),
    "short account": (
        f'account = "1234"\n{SMALLEST}',
        'account = "1234": it must be 12 digits in quotes, such as "111122223333"',
    ),
    "tag of AWS": (
        f'tags = {{ "aws:x" = "1" }}\n{SMALLEST}',
        "tags: 'aws:x' = '1' is not a tag: a key has up to 128 characters and does not begin with "
        "aws:, a value has up to 256",
    ),
    # network
    "one zone": (
        SMALLEST.replace('"use2-az2", ', ""),
        'network.zones = ["use2-az3"]: it must be the IDs of two or more Availability Zones '
        '(EKS needs two), such as ["use2-az1", "use2-az2"]',
    ),
    "zone twice": (
        SMALLEST.replace("az2", "az3"),
        'network.zones = ["use2-az3", "use2-az3"]: use2-az3 is given twice; give it once',
    ),
    "zone name": (
        SMALLEST.replace("use2-az2", "us-east-2a"),
        'network.zones[0] = "us-east-2a": a zone name stands for another place in every account; '
        "give the zone's ID, such as use2-az1",
    ),
    "no zone at all": (
        SMALLEST.replace("use2-az2", "ohio"),
        'network.zones[0] = "ohio": not the ID of an Availability Zone, such as use2-az1',
    ),
    "zone of another region": (
        SMALLEST.replace("use2-az2", "use1-az2"),
        'network.zones = ["use1-az2", "use2-az3"]: use1-az2 is not a zone of us-east-2, '
        "which has use2-az1, use2-az2, use2-az3",
    ),
    "zone the region does not have": (
        SMALLEST.replace("use2-az2", "use2-az4"),
        'network.zones = ["use2-az4", "use2-az3"]: use2-az4 is not a zone of us-east-2, '
        "which has use2-az1, use2-az2, use2-az3",
    ),
    "no range": (
        SMALLEST + 'cidr = "ten"',
        'network.cidr = "ten": not an IPv4 range such as 10.0.0.0/16',
    ),
    "range from the middle": (
        SMALLEST + 'cidr = "10.0.5.0/16"',
        'network.cidr = "10.0.5.0/16": write the range by its first address, 10.0.0.0/16',
    ),
    "public range": (
        SMALLEST + 'cidr = "52.94.0.0/16"',
        'network.cidr = "52.94.0.0/16": not private; choose within 10.0.0.0/8, 172.16.0.0/12 or '
        "192.168.0.0/16",
    ),
    "small range": (
        SMALLEST + 'cidr = "10.0.0.0/21"',
        'network.cidr = "10.0.0.0/21": a VPC with room for pods and EFA interfaces needs a size '
        "of /16 to /20",
    ),
    "large range": (
        SMALLEST + 'cidr = "10.0.0.0/15"',
        'network.cidr = "10.0.0.0/15": a VPC with room for pods and EFA interfaces needs a size '
        "of /16 to /20",
    ),
    "unknown egress": (
        SMALLEST + 'egress = "none"',
        'network.egress = "none": it must be "nat", or "private" for VPC endpoints only and no '
        "way out",
    ),
    # storage, cluster
    "size Lustre does not come in": (
        SMALLEST + "[storage]\nlustre_gib = 3600",
        "storage.lustre_gib = 3600: FSx for Lustre comes in 1200 GiB or a multiple of 2400; "
        "0 means none",
    ),
    "negative size": (
        SMALLEST + "[storage]\nlustre_gib = -2400",
        "storage.lustre_gib = -2400: FSx for Lustre comes in 1200 GiB or a multiple of 2400; "
        "0 means none",
    ),
    "user for a role": (
        SMALLEST + '[cluster]\nadmins = ["arn:aws:iam::111122223333:user/ann"]',
        'cluster.admins[0] = "arn:aws:iam::111122223333:user/ann": it must be a list of ARNs of '
        'IAM roles, such as "arn:aws:iam::111122223333:role/Admin"',
    ),
    "unknown endpoint access": (
        SMALLEST + '[cluster]\nendpoint = "both"',
        'cluster.endpoint = "both": it must be "private" or "public"',
    ),
    # pools
    "bad name": (
        pool().replace('"one"', '"Train_1"'),
        'pools["Train_1"].name = "Train_1": it must be up to 20 lower-case letters, digits and '
        "hyphens that start with a letter",
    ),
    "name twice": (
        pool() + pool().removeprefix(SMALLEST),
        'pools.name = "one": it is given twice; give each its own name',
    ),
    "misspelt instance type": (
        pool("trn1.32xlage"),
        'pools["one"].instance_type = "trn1.32xlage": not an instance type of the hardware '
        "table; did you mean trn1.32xlarge?",
    ),
    "family alone": (
        pool("trn1"),
        'pools["one"].instance_type = "trn1": not an instance type of the hardware table; '
        "trn1 comes as trn1.2xlarge, trn1.32xlarge",
    ),
    "Trainium3": (
        pool("trn3.48xlarge"),
        'pools["one"].instance_type = "trn3.48xlarge": EC2 rents no Trainium3 instance type by '
        "name: it comes in UltraServers, whose instances must be scheduled as one, which this "
        "deployment does not do; the nearest choice is trn2.48xlarge (Trainium2)",
    ),
    "Inferentia1": (
        pool("inf1.xlarge"),
        'pools["one"].instance_type = "inf1.xlarge": no supported Neuron SDK runs on inf1; '
        "trn1, trn1n, inf2, trn2 have one",
    ),
    "zone that does not offer the type": (
        pool(zone="use2-az2"),
        'pools["one"].zone = "use2-az2": it does not offer trn1.32xlarge; in us-east-2 that is '
        "offered in use2-az3",
    ),
    "region that does not offer the type": (
        pool(
            "p6-b300.48xlarge",
            more=f'capacity = {{ kind = "capacity-block", reservation = "{RESERVATION}" }}',
        ),
        'pools["one"].instance_type = "p6-b300.48xlarge": us-east-2 does not offer it; '
        "it is offered in ap-northeast-2, ap-south-2, ap-southeast-3, sa-east-1, us-east-1, "
        "us-west-2",
    ),
    "zone outside the network": (
        pool("inf2.xlarge", zone="use2-az1"),
        'pools["one"].zone = "use2-az1": it is not one of network.zones; add it there, or choose '
        "use2-az2 or use2-az3",
    ),
    "more at least than at most": (
        pool(more="min_nodes = 5\nmax_nodes = 4"),
        'pools["one"].min_nodes = 5: it is more than max_nodes = 4; lower it or raise max_nodes',
    ),
    "no node": (
        pool(more="max_nodes = 0"),
        'pools["one"].max_nodes = 0: it must be a whole number of nodes from 1 to 450',
    ),
    "negative nodes": (
        pool(more="min_nodes = -1"),
        'pools["one"].min_nodes = -1: it must be a whole number of nodes, 0 or more',
    ),
    "EFA on Inferentia2": (
        pool("inf2.48xlarge", more="efa = true"),
        'pools["one"].efa = true: inf2.48xlarge has no EFA interface; set efa = false, or choose '
        "a type that has one, such as trn1.32xlarge",
    ),
    "EFA on a small size": (
        pool("trn1.2xlarge", more="efa = true"),
        'pools["one"].efa = true: trn1.2xlarge has no EFA interface; set efa = false, or choose '
        "trn1.32xlarge",
    ),
    # capacity
    "unknown kind": (
        capacity("ondemand"),
        'pools["one"].capacity.kind = "ondemand": it must be "on-demand", "spot", "reservation" '
        'or "capacity-block"',
    ),
    "spot where there is none": (
        capacity("spot", instance_type="hpc7a.96xlarge"),
        'pools["one"].capacity.kind = "spot": AWS does not sell hpc7a.96xlarge that way; choose '
        "one of on-demand, reservation",
    ),
    "on-demand where there is no price": (
        pool("trn2.48xlarge"),
        'pools["one"].capacity.kind = "on-demand": AWS does not sell trn2.48xlarge that way; '
        "choose one of spot, reservation, capacity-block",
    ),
    "Capacity Block where there is none": (
        capacity("capacity-block", instance_type="inf2.xlarge"),
        'pools["one"].capacity.kind = "capacity-block": AWS does not sell inf2.xlarge that way; '
        "choose one of on-demand, spot, reservation",
    ),
    "Capacity Block without reservation": (
        capacity("capacity-block"),
        'pools["one"].capacity.reservation is missing; kind = "capacity-block" needs the ID of '
        "the reservation, such as cr-0123456789abcdef0",
    ),
    "reservation without its ID": (
        capacity("reservation"),
        'pools["one"].capacity.reservation is missing; kind = "reservation" needs the ID of '
        "the reservation, such as cr-0123456789abcdef0",
    ),
    "Capacity Block with placement group": (
        capacity("capacity-block", f'reservation = "{RESERVATION}"\nplacement_group = "pg"'),
        'pools["one"].capacity.placement_group = "pg": kind = "capacity-block" takes none; it is '
        "only for a reservation that was created in it",
    ),
    "on-demand with placement group": (
        capacity("on-demand", 'placement_group = "pg"'),
        'pools["one"].capacity.placement_group = "pg": kind = "on-demand" takes none; it is '
        "only for a reservation that was created in it",
    ),
    "spot with reservation": (
        capacity("spot", f'reservation = "{RESERVATION}"'),
        f'pools["one"].capacity.reservation = "{RESERVATION}": kind = "spot" takes none; leave '
        'it out, or set kind to "reservation" or "capacity-block"',
    ),
    "no ID of a reservation": (
        capacity("reservation", 'reservation = "cr-1"'),
        'pools["one"].capacity.reservation = "cr-1": it must be the ID of a capacity '
        "reservation, such as cr-0123456789abcdef0",
    ),
    # endpoints
    "type of EC2 for an endpoint": (
        SMALLEST + '[[endpoints]]\nname = "a"\nmodel = "a"\ninstance_type = "inf2.xlarge"',
        'endpoints["a"].instance_type = "inf2.xlarge": not a Neuron type of SageMaker endpoints; '
        "known: ml.inf2.24xlarge, ml.inf2.48xlarge, ml.inf2.8xlarge, ml.inf2.xlarge, "
        "ml.trn1.2xlarge, ml.trn1.32xlarge",
    ),
    "path of a model": (
        SMALLEST + '[[endpoints]]\nname = "a"\nmodel = "/a"\ninstance_type = "ml.inf2.xlarge"',
        'endpoints["a"].model = "/a": it must be a prefix in the models bucket, such as '
        "tiny-llama, with no slash at either end",
    ),
    # gateway
    "public without certificate": (
        SMALLEST + "[gateway]\npublic = true",
        "gateway.public = true: a public gateway needs certificate, the ARN of one in AWS "
        "Certificate Manager; set it, or set public = false",
    ),
    "public without a public subnet": (
        SMALLEST.replace("[network]", '[network]\negress = "private"')
        + "[gateway]\npublic = true\n"
        + 'certificate = "arn:aws:acm:us-east-2:111122223333:certificate/0-a"',
        'gateway.public = true: a network with egress = "private" has no public subnet for the '
        'load balancer; set network.egress = "nat", or public = false',
    ),
    "certificate of another region": (
        SMALLEST + '[gateway]\ncertificate = "arn:aws:acm:us-east-1:111122223333:certificate/0-a"',
        'gateway.certificate = "arn:aws:acm:us-east-1:111122223333:certificate/0-a": '
        "it must be one of the region us-east-2",
    ),
    "certificate of another account": (
        'account = "444455556666"\n'
        + SMALLEST
        + '[gateway]\ncertificate = "arn:aws:acm:us-east-2:111122223333:certificate/0-a"',
        'gateway.certificate = "arn:aws:acm:us-east-2:111122223333:certificate/0-a": '
        "it must be one of the account 444455556666",
    ),
    "no certificate": (
        SMALLEST + '[gateway]\ncertificate = "mine"',
        'gateway.certificate = "mine": it must be the ARN of a certificate in AWS Certificate '
        "Manager",
    ),
    "misspelt backend": (
        SMALLEST + '[[gateway.models]]\nname = "nova"\nbedrok = "x"',
        'gateway.models["nova"].bedrok = "x" is not a known key; did you mean bedrock?',
    ),
    # budget
    "no amount": (
        SMALLEST + '[budget]\nmonthly_usd = 0\nemail = "a@example.com"',
        "budget.monthly_usd = 0: it must be an amount in USD above 0",
    ),
    "amount without end": (
        SMALLEST + '[budget]\nmonthly_usd = inf\nemail = "a@example.com"',
        "budget.monthly_usd = Infinity: it must be an amount in USD above 0",
    ),
    "no address": (
        SMALLEST + '[budget]\nmonthly_usd = 5\nemail = "example.com"',
        'budget.email = "example.com": it must be an e-mail address, such as platform@example.com',
    ),
}


@pytest.mark.parametrize(("text", "sentence"), REFUSED.values(), ids=REFUSED)
def test_a_wrong_file_ends_in_one_sentence_with_file_key_value_and_remedy(tmp_path, text, sentence):
    path = tmp_path / "test.toml"
    path.write_text(text)

    assert refused(tmp_path) == f"{path}: {sentence}"


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("region = us-east-2", "at line 1, column 10"),
        ('region = "a"\nregion = "b"\n\n', "Cannot overwrite a value"),
        ("region = " + "[" * 5000, ""),
    ],
    ids=["unquoted", "twice", "endless brackets"],
)
def test_a_file_that_is_not_toml_is_told_with_the_place(tmp_path, text, place):
    (tmp_path / "test.toml").write_text(text)

    told = refused(tmp_path)

    assert told.startswith(f"{tmp_path / 'test.toml'} is not TOML: ")
    assert place in told
    assert "\n" not in told


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("mi300x", "AWS rents no AMD Instinct accelerator"),
        ("MI325X.48xlarge", "AWS rents no AMD Instinct accelerator"),
        ("AMD Instinct MI355X", "AWS rents no AMD Instinct accelerator"),
        ("trainium3", "EC2 rents no Trainium3 instance type by name"),
        ("trn3s.48xlarge", "EC2 rents no Trainium3 instance type by name"),
        ("Trainium 4", "AWS does not rent Trainium4"),
        ("trn4.48xlarge", "AWS does not rent Trainium4"),
    ],
)
def test_an_accelerator_aws_does_not_rent_is_refused_with_the_nearest_choice(load, name, sentence):
    with pytest.raises(ConfigError, match=sentence) as refusal:
        load(pool(name))

    assert f'pools["one"].instance_type = "{name}"' in str(refusal.value)
    assert "the nearest choice is trn2.48xlarge (Trainium2)" in str(refusal.value)


# The sentence after the key is the gateway's own: one schema, one place for its words.
@pytest.mark.parametrize(
    ("models", "key", "words"),
    [
        ('name = "a"', 'gateway.models["a"]', "exactly one of bedrock, openai, sagemaker"),
        ('name = "a"\nbedrock = "x"\nopenai = "http://h/v1"', 'gateway.models["a"]', "exactly one"),
        ('name = "a"\nopenai = "ftp://h"', 'gateway.models["a"].openai = "ftp://h"', "base URL"),
        ('name = "a"\nbedrock = 3', 'gateway.models["a"].bedrock = 3', "valid string"),
        ('bedrock = "x"', "gateway.models[0].name", "is missing"),
        ('name = "a"\nbedrock = "x"\nfallback = ["b"]', "gateway.models", "'b'"),
        (
            'name = "a"\nbedrock = "x"\n[[gateway.models]]\nname = "a"\nbedrock = "y"',
            "gateway.models",
            "'a' is given twice",
        ),
        (
            'name = "a"\nbedrock = "x"\nprice = { input = -1, output = 1 }',
            'gateway.models["a"].price.input = -1',
            "greater than or equal to 0",
        ),
    ],
)
def test_a_wrong_model_of_the_gateway_is_one_sentence_too(load, tmp_path, models, key, words):
    with pytest.raises(ConfigError) as refusal:
        load(f"{SMALLEST}[[gateway.models]]\n{models}")

    told = str(refusal.value)
    assert told.startswith(f"{tmp_path / 'test.toml'}: {key}")
    assert words in told
    assert "\n" not in told


def test_a_model_may_name_an_endpoint_that_is_not_of_this_file(load):
    config = load(f'{SMALLEST}[[gateway.models]]\nname = "a"\nsagemaker = "elsewhere"')

    assert config.gateway.models[0].sagemaker == "elsewhere"


def test_an_endpoint_is_refused_where_its_image_is_not_published(load):
    text = (
        'region = "eu-north-1"\n[network]\nzones = ["eun1-az1", "eun1-az2"]\n'
        '[[endpoints]]\nname = "a"\nmodel = "a"\ninstance_type = "ml.inf2.xlarge"'
    )

    with pytest.raises(
        ConfigError, match="endpoints cannot be in eu-north-1: AWS does not publish"
    ):
        load(text)


def test_a_version_whose_driver_does_not_run_the_pools_sdk_is_refused(load, monkeypatch):
    versions = Versions(
        kubernetes={
            "1.34": (NeuronAmi(release="1.34.9-20260625", driver="2.28.0.0"),),
            "1.35": (NeuronAmi(release="1.35.6-20260714", driver="2.29.0.0"),),
        },
        neuron=config_rules.VERSIONS.neuron,
        sagemaker=config_rules.VERSIONS.sagemaker,
    )
    monkeypatch.setattr(config_rules, "VERSIONS", versions)

    with pytest.raises(ConfigError) as refusal:
        load(pool())

    assert str(refusal.value).endswith(
        'cluster.kubernetes_version = "1.35": no node image known for it runs the Neuron SDK of '
        "trn1.32xlarge (2.28.0); choose 1.34"
    )
    load(pool("m7a.xlarge"))  # a pool without Neuron chips does not care


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


@pytest.mark.parametrize("region", REGIONS)
def test_every_region_and_its_zones_can_be_a_network(load, region):
    zones = [zone for zone in REGIONS[region] if zone != "use1-az3"]  # EKS is not there

    config = load(f'region = "{region}"\n[network]\nzones = {zones}')

    assert list(config.network.zones) == zones


@pytest.mark.parametrize("instance", INSTANCES.values(), ids=INSTANCES)
def test_a_type_is_accepted_in_every_zone_that_offers_it_and_in_no_other(instance):
    for region, zones in REGIONS.items():
        for zone in zones:
            offered = zone in instance.zones.get(region, ())
            try:
                config_rules.check_offered("pools[0]", instance, zone, region, zones)
                accepted = True
            except ValueError as error:
                accepted = False
                assert instance.name in str(error) or "does not offer it" in str(error)
            assert accepted is offered


@pytest.mark.parametrize("instance", INSTANCES.values(), ids=INSTANCES)
def test_efa_is_accepted_exactly_where_the_type_has_it(instance):
    config_pools.check_efa(instance, efa=False)
    if instance.efa_interfaces:
        config_pools.check_efa(instance, efa=True)
    else:
        with pytest.raises(ValueError, match=f"{instance.name} has no EFA interface"):
            config_pools.check_efa(instance, efa=True)


# Files and folders


def test_a_missing_folder_is_told(tmp_path):
    assert refused(tmp_path / "x") == (
        f"{tmp_path / 'x'} is not a folder; give one that holds environment files"
    )


def test_a_folder_without_environments_is_told(tmp_path):
    (tmp_path / "notes.txt").write_text("")

    assert refused(tmp_path) == f"{tmp_path} holds no environment file, such as dev.toml"


def test_a_file_that_cannot_be_read_is_told(tmp_path):
    (tmp_path / "a.toml").mkdir()
    (tmp_path / "b.toml").symlink_to(tmp_path / "gone")

    assert refused(tmp_path).splitlines() == [
        f"{tmp_path / 'a.toml'} cannot be read: Is a directory",
        f"{tmp_path / 'b.toml'} cannot be read: No such file or directory",
    ]


def test_a_file_that_is_not_text_is_told(tmp_path):
    (tmp_path / "a.toml").write_bytes(b'region = "\xff"')

    assert refused(tmp_path) == f"{tmp_path / 'a.toml'} is not UTF-8 text; its byte 10 is not"


@pytest.mark.parametrize("name", ["Prod", "1st", "a_b", "a-", "x" * 21])
def test_a_file_name_that_cannot_begin_a_stack_name_is_told(tmp_path, name):
    (tmp_path / f"{name}.toml").write_text(SMALLEST)

    assert "the file's name is the environment's" in refused(tmp_path)


def test_every_mistake_of_every_file_is_one_line(tmp_path):
    (tmp_path / "a.toml").write_text(SMALLEST + 'egress = "x"\ncidr = "y"')
    (tmp_path / "b.toml").write_text("=")
    (tmp_path / "c.toml").write_text(SMALLEST)

    lines = refused(tmp_path).splitlines()

    assert len(lines) == 3
    assert lines[0].startswith(f"{tmp_path / 'a.toml'}: network.cidr")
    assert lines[1].startswith(f"{tmp_path / 'a.toml'}: network.egress")
    assert lines[2].startswith(f"{tmp_path / 'b.toml'} is not TOML")


def test_environments_are_named_after_their_files_and_sorted(tmp_path):
    for name in ("zeta", "alpha"):
        (tmp_path / f"{name}.toml").write_text(SMALLEST)

    assert list(load_environments(tmp_path)) == ["alpha", "zeta"]


def test_a_config_cannot_be_changed(load):
    config = load(pool())

    with pytest.raises(ValidationError):
        config.pools[0].max_nodes = 7


DEMO = tomllib.loads((ENVIRONMENTS / "demo.toml").read_text())


def places(value, path=()):
    """Every path into a nested value, its root left out."""
    children = value.items() if isinstance(value, dict) else enumerate(value)
    for key, child in children:
        yield (*path, key)
        if isinstance(child, dict | list):
            yield from places(child, (*path, key))


def replaced(value, path, new):
    key, rest = path[0], path[1:]
    copy = dict(value) if isinstance(value, dict) else list(value)
    copy[key] = replaced(copy[key], rest, new) if rest else new
    return copy


JUNK = st.one_of(
    st.booleans(),
    st.integers(-(2**40), 2**40),
    st.floats(),
    st.text(alphabet=st.characters(exclude_categories=["Cs"])),
    st.dates(),
    st.lists(st.one_of(st.text("ab"), st.integers(0, 3)), max_size=3),
    st.dictionaries(st.text("ab.\n", min_size=1), st.integers(0, 3), max_size=2),
    st.lists(st.dictionaries(st.text("ab", min_size=1), st.booleans()), min_size=1, max_size=2),
)


@settings(max_examples=300, deadline=None)
@given(path=st.sampled_from(sorted(places(DEMO), key=str)), junk=JUNK)
def test_any_value_at_any_key_is_taken_or_refused_in_sentences(tmp_path_factory, path, junk):
    folder = tmp_path_factory.mktemp("fuzz")
    (folder / "demo.toml").write_text(tomli_w.dumps(replaced(DEMO, path, junk)))

    try:
        load_environments(folder)
    except ConfigError as error:
        for line in str(error).splitlines():
            assert line.startswith(f"{folder / 'demo.toml'}")
            assert "pydantic" not in line
            assert "Input should" not in line


# The environments of the project


def test_the_projects_environments_are_the_three():
    assert list(load_environments()) == ["demo", "dev", "prod"]


def test_prod_has_the_three_pools_of_the_reference():
    pools = {pool.name: pool for pool in load_environments()["prod"].pools}

    assert {name: pool.instance_type for name, pool in pools.items()} == {
        "trn1": "trn1.32xlarge",
        "inf2": "inf2.48xlarge",
        "epyc": "m7a.48xlarge",
    }
    assert pools["trn1"].efa is True
    assert pools["trn1"].zone == "use2-az3"


def test_prod_keeps_its_data_and_its_api_to_itself():
    prod = load_environments()["prod"]

    assert prod.storage.retain is True
    assert prod.cluster.endpoint == "private"
    assert prod.gateway.public is False


@pytest.mark.parametrize("name", ["demo", "dev"])
def test_an_idle_environment_rents_no_node_and_keeps_nothing(name):
    config = load_environments()[name]

    assert all(pool.min_nodes == 0 for pool in config.pools)
    assert config.storage.retain is False


def test_demo_has_one_of_everything():
    demo = load_environments()["demo"]

    assert any(pool.efa for pool in demo.pools)
    assert {pool.hardware.family for pool in demo.pools} == {"trn1", "inf2", "m7a"}
    assert [endpoint.instance_type for endpoint in demo.endpoints] == ["ml.inf2.xlarge"]
    backends = {
        backend
        for model in demo.gateway.models
        for backend in ("bedrock", "openai", "sagemaker")
        if getattr(model, backend)
    }
    assert backends == {"bedrock", "openai", "sagemaker"}
    assert demo.gateway.image  # so that no Docker is needed
    assert demo.budget is not None


def test_networks_do_not_overlap_so_that_environments_can_be_peered():
    cidrs = [ip_network(config.network.cidr) for config in load_environments().values()]

    assert not any(one.overlaps(other) for one, other in combinations(cidrs, 2))
