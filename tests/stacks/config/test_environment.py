import dataclasses
import ipaddress
import tomllib
from datetime import date

import aws_cdk as cdk
import pytest
import tomli_w
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from stacks.config import (
    ENVIRONMENTS,
    ConfigError,
    NetworkConfig,
    day,
    load_environments,
    warnings,
)
from stacks.config import loading as module
from stacks.network import NetworkStack
from workloads.hardware import INSTANCES
from workloads.support import Support

SMALLEST = 'region = "us-east-2"\n[network]\nzones = ["use2-az2", "use2-az3"]\n'
RESERVATION = "cr-0123456789abcdef0"


def refused(folder, **options):
    with pytest.raises(ConfigError) as refusal:
        load_environments(folder, **options)
    return str(refusal.value)


def test_the_smallest_file_gets_the_defaults_of_the_contract(load):
    config = load()

    assert config.account is None
    assert config.network.cidr == "10.0.0.0/16"
    assert config.network.egress == "nat"
    assert config.storage.retain is True
    assert config.storage.lustre_gib == 0
    assert config.cluster.kubernetes_version == "1.35"
    assert config.cluster.neuron_allocator == "device-plugin"
    assert config.cluster.endpoint == "private"
    assert (config.tags, config.pools, config.endpoints) == ({}, (), ())
    assert config.gateway.models == ()
    assert config.gateway.public is False
    assert config.budget is None


def test_a_file_may_say_everything_of_the_contract(tmp_path):
    (tmp_path / "test.toml").write_text(
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
neuron_allocator   = "device-plugin"
endpoint           = "public"
admins             = ["arn:aws:iam::111122223333:role/path/Admin"]
[[pools]]
name          = "trn2"
instance_type = "trn2.48xlarge"
zone          = "use2-az3"
min_nodes     = 1
max_nodes     = 4
efa           = true
efa_layout    = "efa-only"
lnc           = 1
hugepages     = 5128
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

    config = load_environments(tmp_path)["test"]

    [pool] = config.pools
    assert pool.capacity.reservation == RESERVATION
    assert pool.hardware is INSTANCES["trn2.48xlarge"]
    assert (pool.efa_layout, pool.lnc, pool.hugepages) == ("efa-only", 1, 5128)
    assert config.gateway.models[0].fallback == ("own",)
    assert config.budget.monthly_usd == 5000


REFUSED = {
    "misspelt section": (
        {"storge": {"retain": True}},
        "storge is not a known key; did you mean storage?",
    ),
    "misspelt key": (
        {"network": {"cdir": "10.0.0.0/16"}},
        'network.cdir = "10.0.0.0/16" is not a known key; did you mean cidr?',
    ),
    "misspelt required key is told once": (
        {"network": {"zones": ..., "zonse": ["use2-az2", "use2-az3"]}},
        'network.zonse = ["use2-az2", "use2-az3"] is not a known key; did you mean zones?',
    ),
    "unknown key that resembles none": (
        {"storage": {"xyz": 1}},
        "storage.xyz = 1 is not a known key; known here: retain, lustre_gib",
    ),
    "key of the file below a table": (
        {"budget": {"monthly_usd": 5, "email": "a@example.com", "account": "111122223333"}},
        'budget.account = "111122223333" is not a known key; it belongs to the top of the file, '
        "above its first table",
    ),
    "key of a pool below its capacity": (
        {
            "pools": [
                {
                    "name": "one",
                    "instance_type": "m7a.4xlarge",
                    "zone": "use2-az1",
                    "capacity": {"max_nodes": 3},
                }
            ]
        },
        'pools["one"].capacity.max_nodes = 3 is not a known key; it belongs to [[pools]], above '
        "[pools.capacity]",
    ),
    "missing region": (
        {"region": ...},
        "region is missing; it must be an AWS region, such as us-east-2",
    ),
    "missing network": (
        {"network": ...},
        "network is missing; it must be a table, written [network], with the key zones",
    ),
    "one table instead of a list": (
        {"pools": {"name": "one"}},
        "pools: it must be tables, each written [[pools]]",
    ),
    "value instead of a table": (
        {"storage": 5},
        "storage = 5: it must be a table, written [storage]",
    ),
    "value instead of a table of a list": (
        {
            "pools": [
                {
                    "name": "one",
                    "instance_type": "m7a.4xlarge",
                    "zone": "use2-az1",
                    "capacity": "spot",
                }
            ]
        },
        'pools["one"].capacity = "spot": it must be a table, written [pools.capacity]',
    ),
    "number for a tag": ({"tags": {"team": 3}}, "tags.team = 3: it must be text in quotes"),
    "text for a switch": (
        {"storage": {"retain": "no"}},
        'storage.retain = "no": it must be true or false, without quotes',
    ),
}


@pytest.mark.parametrize(("changes", "sentence"), REFUSED.values(), ids=REFUSED)
def test_a_wrong_file_ends_in_one_sentence_with_file_key_value_and_remedy(
    refusal, changes, sentence
):
    assert refusal(**changes) == sentence


@pytest.mark.parametrize("egress", ["nat", "private"])
@pytest.mark.parametrize("size", [16, 17, 18, 19, 20])
@pytest.mark.parametrize("zones", [2, 6])
def test_the_addresses_of_a_zone_are_those_of_the_subnet_the_network_makes(
    new_app, synthesize, egress, size, zones
):
    config = NetworkConfig(
        zones=tuple(f"use1-az{i}" for i in range(1, zones + 1)),
        cidr=f"10.0.0.0/{size}",
        egress=egress,
    )
    target = cdk.Environment(region="us-east-1")
    subnets = synthesize(
        NetworkStack(new_app(), "Network", config=config, runtimes=(), env=target)
    ).every("AWS::EC2::Subnet")

    private = [
        ipaddress.ip_network(subnet["CidrBlock"]).num_addresses
        for name, subnet in subnets.items()
        if "Private" in name
    ]

    assert private == [config.addresses_per_zone + 5] * zones  # EC2 keeps five to itself


# The calendar of support


SOON = Support(
    subject="Kubernetes 1.35",
    warn_from=date(2030, 1, 1),
    ends=date(2030, 3, 1),
    meanwhile="it costs more",
    instead="set cluster.kubernetes_version to 1.36",
    source="a page",
)


@pytest.fixture
def calendar(monkeypatch):
    """One row for the default version of Kubernetes, and none else."""
    monkeypatch.setattr(module, "VERSIONS", dataclasses.replace(module.VERSIONS, support=(SOON,)))


@pytest.mark.parametrize(
    ("today", "warned"),
    [(date(2029, 12, 31), False), (date(2030, 1, 1), True), (date(2030, 2, 28), True)],
)
def test_an_end_of_support_is_told_before_it_comes(tmp_path, calendar, today, warned):
    for name in ("one", "two"):
        (tmp_path / f"{name}.toml").write_text(SMALLEST)
    (tmp_path / "other.toml").write_text(f'{SMALLEST}[cluster]\nkubernetes_version = "1.36"')
    environments = load_environments(tmp_path, today=today)

    told = warnings(environments, today)

    sentence = (
        "one, two: Kubernetes 1.35: it costs more; support ends on 2030-03-01: "
        "set cluster.kubernetes_version to 1.36 (a page)"
    )
    assert told == ([sentence] if warned else [])


def test_after_the_end_of_support_the_file_is_refused(tmp_path, calendar):
    (tmp_path / "test.toml").write_text(SMALLEST)

    assert refused(tmp_path, today=date(2030, 3, 1)) == (
        f"{tmp_path / 'test.toml'}: Kubernetes 1.35: support ended on 2030-03-01: "
        "set cluster.kubernetes_version to 1.36 (a page)"
    )


def test_nobody_who_asks_for_no_day_is_told_of_one(tmp_path, calendar):
    (tmp_path / "test.toml").write_text(SMALLEST)

    assert load_environments(tmp_path)


def test_a_day_is_written_as_a_date_and_else_todays():
    assert day("2027-03-27") == date(2027, 3, 27)
    assert day(None) >= date(2026, 11, 22)
    with pytest.raises(ConfigError, match="today = 'soon': not a day, such as 2027-03-27"):
        day("soon")


def test_versions_that_do_not_fit_together_stop_every_environment(tmp_path, monkeypatch):
    table = module.VERSIONS
    moved = dataclasses.replace(table.neuron["trn1"], sdk="2.31.1")  # its PyTorch/XLA ended before
    versions = dataclasses.replace(table, neuron={**table.neuron, "trn1": moved})
    monkeypatch.setattr(module, "VERSIONS", versions)
    (tmp_path / "test.toml").write_text(SMALLEST)

    lines = refused(tmp_path).splitlines()

    assert len(lines) == len(versions.conflicts()) > 0
    assert all(line.startswith("workloads/versions.toml: trn1, ") for line in lines)


# Files and folders


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("region = us-east-2", "line 1: region = us-east-2: write it in quotes"),
        ('region = "a"\nregion = "b"\n\n', 'line 2: region = "b": its key stands above'),
        ("region = " + "[" * 5000, "is not TOML"),
    ],
    ids=["unquoted", "twice", "endless brackets"],
)
def test_a_file_that_is_not_toml_is_told_with_the_place(tmp_path, text, place):
    (tmp_path / "test.toml").write_text(text)

    told = refused(tmp_path)

    assert told.startswith(str(tmp_path / "test.toml"))
    assert place in told
    assert "\n" not in told


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
    assert lines[2].startswith(f"{tmp_path / 'b.toml'}: line 1: =: it is not TOML")


def test_environments_are_named_after_their_files_and_sorted(tmp_path):
    for name in ("zeta", "alpha"):
        (tmp_path / f"{name}.toml").write_text(SMALLEST)

    assert list(load_environments(tmp_path)) == ["alpha", "zeta"]


def test_a_config_cannot_be_changed(load):
    config = load(pools=[{}])

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
