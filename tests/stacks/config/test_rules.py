import dataclasses

import pytest

from stacks.config import rules
from stacks.shared.kubernetes import SYSTEM_NODES
from workloads.hardware import INSTANCES, REGIONS

RESERVATION = "cr-0123456789abcdef0"


def trn2(name="one", **changes):
    """A Trn2 pool as Neuron's DRA driver wants it."""
    return {
        "name": name,
        "instance_type": "trn2.48xlarge",
        "min_nodes": 1,
        "max_nodes": 2,
        "capacity": {"kind": "reservation", "reservation": RESERVATION},
    } | changes


def placed(reservation):
    """The capacity of a reservation that was created in a placement group."""
    return {"kind": "reservation", "reservation": reservation, "placement_group": "near"}


DRA = {"neuron_allocator": "dra"}
BLOCK = {"kind": "capacity-block", "reservation": RESERVATION}

REFUSED = {
    "zone of another region": (
        {"network": {"zones": ["use1-az2", "use2-az3"]}},
        'network.zones = ["use1-az2", "use2-az3"]: use1-az2 is not a zone of us-east-2, '
        "which has use2-az1, use2-az2, use2-az3",
    ),
    "zone that offers no type": (
        {"network": {"zones": ["use2-az4", "use2-az3"]}},
        'network.zones = ["use2-az4", "use2-az3"]: no type of the hardware table is '
        "offered in use2-az4; choose from use2-az1, use2-az2, use2-az3",
    ),
    "zone without EKS": (
        {"region": "us-east-1", "network": {"zones": ["use1-az1", "use1-az3"]}},
        'network.zones = ["use1-az1", "use1-az3"]: EKS has no control plane in use1-az3, and every '
        "zone of the network is the cluster's; choose from use1-az1, use1-az2, use1-az4, use1-az5, "
        "use1-az6",
    ),
    "zone that does not offer the type": (
        {"pools": [{"zone": "use2-az2"}]},
        'pools["one"].zone = "use2-az2": it does not offer trn1.32xlarge; in us-east-2 that is '
        "offered in use2-az3",
    ),
    "region that does not offer the type": (
        {"pools": [{"instance_type": "p6-b300.48xlarge"}]},
        'pools["one"].instance_type = "p6-b300.48xlarge": us-east-2 does not offer it; '
        "it is offered in ap-northeast-2, ap-south-2, ap-southeast-3, sa-east-1, us-east-1, "
        "us-west-2",
    ),
    "zone outside the network": (
        {"pools": [{"instance_type": "inf2.xlarge", "zone": "use2-az1"}]},
        'pools["one"].zone = "use2-az1": it is not one of network.zones; add it there, or choose '
        "use2-az2 or use2-az3",
    ),
    "Inferentia1": (
        {"pools": [{"instance_type": "inf1.xlarge"}]},
        'pools["one"].instance_type = "inf1.xlarge": no supported Neuron SDK runs on inf1; '
        "trn1, trn1n, inf2, trn2 have one",
    ),
    "a name twice": (
        {"pools": [{}, {}]},
        'pools.name = "one": it is given twice; give each its own name',
    ),
    # Neuron's DRA driver
    "both allocators": (
        {"cluster": {"neuron_allocator": "both"}},
        'cluster.neuron_allocator = "both": it must be "device-plugin" or "dra"',
    ),
    "DRA with Trainium1": (
        {"cluster": DRA, "pools": [{"min_nodes": 1}]},
        'pools["one"].instance_type = "trn1.32xlarge": Neuron documents its DRA driver for '
        'Trainium2, not for Trainium; set cluster.neuron_allocator = "device-plugin", which '
        "serves both",
    ),
    "DRA from zero": (
        {"cluster": DRA, "pools": [trn2(min_nodes=0)]},
        'pools["one"].min_nodes = 0: with neuron_allocator = "dra" no job brings the first node, '
        "because the autoscaler cannot tell which devices an empty group would offer; "
        'set min_nodes = 1 or more, or cluster.neuron_allocator = "device-plugin"',
    ),
    "DRA with logical cores": (
        {"cluster": DRA, "pools": [trn2(lnc=2)]},
        'pools["one"].lnc = 2: with neuron_allocator = "dra" each claim sets its own; leave it out',
    ),
    "DRA that nothing meters": (
        {"cluster": DRA, "pools": [trn2(capacity={"kind": "spot"}, idle_hours=6)]},
        'pools["one"].idle_hours = 6: Neuron\'s monitor does not run beside its DRA driver, and '
        "nothing would tell when the pool is idle; leave it out, or set "
        'cluster.neuron_allocator = "device-plugin"',
    ),
    # reservations
    "one reservation for two types": (
        {
            "pools": [
                trn2("one"),
                trn2("two", instance_type="inf2.xlarge"),
            ]
        },
        f'pools["two"].capacity.reservation = "{RESERVATION}": pools["one"] has it as reservation '
        "trn2.48xlarge use2-az3, and here it is reservation inf2.xlarge use2-az3; a reservation is "
        "one of them, so give each pool its own",
    ),
    "one reservation bought in two ways": (
        {
            "pools": [
                trn2("one"),
                trn2("two", min_nodes=0, capacity=BLOCK),
            ]
        },
        f'pools["two"].capacity.reservation = "{RESERVATION}": pools["one"] has it as reservation '
        "trn2.48xlarge use2-az3, and here it is capacity-block trn2.48xlarge use2-az3; a "
        "reservation is one of them, so give each pool its own",
    ),
    "one reservation in and outside of a placement group": (
        {"pools": [trn2("one"), trn2("two", capacity=placed(RESERVATION))]},
        f'pools["two"].capacity.reservation = "{RESERVATION}": pools["one"] has it as reservation '
        "trn2.48xlarge use2-az3, and here it is reservation trn2.48xlarge use2-az3 in placement "
        "group near; a reservation is one of them, so give each pool its own",
    ),
    "one placement group in two zones": (
        {
            "pools": [
                trn2("one", capacity=placed(RESERVATION)),
                trn2("two", capacity=placed("cr-0123456789abcdef1"), zone="use2-az2"),
            ]
        },
        'pools["two"].capacity.placement_group = "near": pools["one"] has it in use2-az3, and here '
        "it is in use2-az2; a cluster placement group lies in one zone, so name the one of this "
        "reservation",
    ),
    "a pool called as the cluster's own nodes are": (
        {"pools": [{"name": SYSTEM_NODES["pool"]}]},
        'pools.name = "system": the nodes that the cluster itself runs on are called so, and jobs '
        "of the pool would start there; choose another name",
    ),
    # addresses
    "more nodes than addresses": (
        {"network": {"cidr": "10.0.0.0/20"}, "pools": [{"max_nodes": 9}]},
        'network.cidr = "10.0.0.0/20": it gives the subnet of use2-az3 507 addresses, and its '
        'pools can take 513 (pools["one"] 9 nodes of 57; one for each network interface, and those '
        "the VPC CNI holds for pods); choose a larger range, up to /16, or lower max_nodes",
    ),
    "more nodes than addresses together": (
        {
            "pools": [
                {"max_nodes": 100},
                {"name": "two", "instance_type": "m7a.4xlarge", "max_nodes": 100},
            ]
        },
        'network.cidr = "10.0.0.0/16": it gives the subnet of use2-az3 8187 addresses, and its '
        'pools can take 8700 (pools["one"] 100 nodes of 57 and pools["two"] 100 nodes of 30; '
        "one for each network interface, and those the VPC CNI holds for pods); lower max_nodes",
    ),
    # the gateway and the endpoints
    "public without a public subnet": (
        {
            "network": {"egress": "private"},
            "gateway": {
                "public": True,
                "certificate": "arn:aws:acm:us-east-2:111122223333:certificate/0-a",
            },
        },
        'gateway.public = true: a network with egress = "private" has no public subnet for the '
        'load balancer; set network.egress = "nat", or public = false',
    ),
    "certificate of another region": (
        {"gateway": {"certificate": "arn:aws:acm:us-east-1:111122223333:certificate/0-a"}},
        'gateway.certificate = "arn:aws:acm:us-east-1:111122223333:certificate/0-a": '
        "a load balancer takes only certificates of its own region; request or import one in "
        "us-east-2",
    ),
    "certificate of another account": (
        {
            "account": "444455556666",
            "gateway": {"certificate": "arn:aws:acm:us-east-2:111122223333:certificate/0-a"},
        },
        'gateway.certificate = "arn:aws:acm:us-east-2:111122223333:certificate/0-a": '
        "a load balancer takes only certificates of its own account; request or import one in "
        "444455556666",
    ),
}


@pytest.mark.parametrize(("changes", "sentence"), REFUSED.values(), ids=REFUSED)
def test_what_does_not_fit_together_ends_in_one_sentence(refusal, changes, sentence):
    assert refusal(**changes) == sentence


HARMLESS = {
    "DRA with a node that stays": {"cluster": DRA, "pools": [trn2()]},
    "DRA with a Capacity Block, which an operator scales": {
        "cluster": DRA,
        "pools": [trn2(min_nodes=0, capacity=BLOCK)],
    },
    "DRA beside processors that scale from zero": {
        "cluster": DRA,
        "pools": [{"instance_type": "m7a.4xlarge", "max_nodes": 4}],
    },
    "one reservation for two pools of its type": {
        "pools": [trn2("one"), trn2("two", lnc=1)],
    },
    "two reservations in one placement group": {
        "pools": [
            trn2("one", capacity=placed(RESERVATION)),
            trn2("two", capacity=placed("cr-0123456789abcdef1")),
        ],
    },
    "as many nodes as there are addresses": {
        "network": {"cidr": "10.0.0.0/20"},
        "pools": [{"max_nodes": 8}],
    },
    "more nodes where EFA takes no addresses": {
        "network": {"cidr": "10.0.0.0/20"},
        "pools": [{"max_nodes": 9, "efa_layout": "efa-only"}],
    },
    "as many nodes in each of two zones": {
        "network": {"cidr": "10.0.0.0/20"},
        "pools": [
            {"max_nodes": 8},
            {"name": "two", "instance_type": "inf2.xlarge", "zone": "use2-az2", "max_nodes": 30},
        ],
    },
    "a Capacity Block as large as there are, of the widest type": {
        "pools": [
            {
                "instance_type": "p5.48xlarge",
                "max_nodes": 64,
                "capacity": BLOCK,
            }
        ],
    },
}


@pytest.mark.parametrize("changes", HARMLESS.values(), ids=HARMLESS)
def test_what_fits_together_is_taken(load, changes):
    assert load(**changes)


@pytest.mark.parametrize("zone", ["use1-az3", "usw1-az2", "cac1-az3"])
def test_a_zone_without_eks_is_refused_as_soon_as_the_table_has_it(monkeypatch, zone):
    monkeypatch.setattr(rules, "REGIONS", {"here": ("h-az1", zone)})

    with pytest.raises(ValueError, match=f"EKS has no control plane in {zone}") as refusal:
        rules.check_network_zones("here", ("h-az1", zone))

    assert str(refusal.value).endswith("choose from h-az1")


def test_dra_needs_kubernetes_1_34():
    rules.check_allocator("dra", "1.34", [])
    rules.check_allocator("device-plugin", "1.33", [])
    with pytest.raises(ValueError, match="needs Kubernetes 1"):
        rules.check_allocator("dra", "1.33", [])


def test_an_endpoint_is_refused_where_its_image_is_not_published(refusal):
    sentence = refusal(
        region="eu-north-1",
        network={"zones": ["eun1-az1", "eun1-az2"]},
        endpoints=[{"name": "a", "model": "a", "instance_type": "ml.inf2.xlarge"}],
    )

    assert sentence.startswith("endpoints cannot be in eu-north-1: AWS does not publish")


def test_a_version_whose_driver_does_not_run_the_pools_sdk_is_refused(
    load, load_pool, refusal, monkeypatch
):
    image = rules.VERSIONS.kubernetes["1.35"][0]
    old, new = (dataclasses.replace(image, driver=driver) for driver in ("2.28.0.0", "2.29.0.0"))
    versions = dataclasses.replace(rules.VERSIONS, kubernetes={"1.34": (old,), "1.35": (new,)})
    monkeypatch.setattr(rules, "VERSIONS", versions)

    assert refusal(pools=[{}]) == (
        'cluster.kubernetes_version = "1.35": no node image known for it runs the Neuron SDK of '
        "trn1.32xlarge (2.28.0); choose 1.34"
    )
    assert load_pool(instance_type="m7a.xlarge")  # a pool without Neuron chips does not care


WITHOUT_EKS = ("use1-az3", "usw1-az2", "cac1-az3")


@pytest.mark.parametrize("instance", INSTANCES.values(), ids=INSTANCES)
def test_a_type_is_accepted_in_every_zone_that_offers_it_and_in_no_other(instance):
    for region, zones in REGIONS.items():
        for zone in zones:
            offered = zone in instance.zones.get(region, ()) and zone not in WITHOUT_EKS
            try:
                rules.check_offered("pools[0]", instance, zone, region, zones)
                accepted = True
            except ValueError as error:
                accepted = False
                assert instance.name in str(error) or "does not offer it" in str(error)
                assert not any(f"{other}," in str(error) for other in WITHOUT_EKS)
            assert accepted is offered
