from fnmatch import fnmatchcase

import pytest

from stacks.gateway import front_door
from workloads.gateway.pages import load_pages
from workloads.gateway.tokens import token_of

LOAD_BALANCER = "AWS::ElasticLoadBalancingV2::LoadBalancer"


def attributes(stack, kind=LOAD_BALANCER):
    pairs = stack.only(kind)[f"{kind.rpartition('::')[2]}Attributes"]
    return {pair["Key"]: pair["Value"] for pair in pairs}


def callers(stack):
    """Who may connect to the load balancer: (CIDR, port) pairs."""
    [group] = [
        group
        for name, group in stack.every("AWS::EC2::SecurityGroup").items()
        if name.startswith("FrontDoor")
    ]
    return [(rule["CidrIp"], rule["FromPort"]) for rule in group["SecurityGroupIngress"]]


@pytest.mark.parametrize(
    ("environment", "scheme", "subnets"),
    [
        ("prod", "internal", "VpcPrivateSubnet"),
        ("closed", "internal", "VpcPrivateSubnet"),
        ("open", "internet-facing", "VpcPublicSubnet"),
    ],
)
def test_it_is_public_only_where_asked(stacks, environment, scheme, subnets):
    balancer = stacks(environment)["gateway"].only(LOAD_BALANCER)

    assert balancer["Scheme"] == scheme
    assert all(subnets in str(subnet) for subnet in balancer["Subnets"])


@pytest.mark.parametrize(
    ("environment", "protocol", "allowed"),
    [
        ("prod", "HTTP", ("10.2.0.0/16", 80)),
        ("closed", "HTTPS", ("172.16.0.0/20", 443)),
        ("open", "HTTPS", ("0.0.0.0/0", 443)),
    ],
)
def test_a_certificate_makes_it_https(stacks, environment, protocol, allowed):
    stack = stacks(environment)["gateway"]
    listener = stack.only("AWS::ElasticLoadBalancingV2::Listener")

    assert (listener["Protocol"], listener["Port"]) == (protocol, allowed[1])
    assert callers(stack) == [allowed]
    assert ("Certificates" in listener) == (protocol == "HTTPS")
    [scheme, _] = stack.template["Outputs"]["Url"]["Value"]["Fn::Join"][1]
    assert scheme == f"{protocol.lower()}://"


@pytest.mark.parametrize(
    ("environment", "deadline", "idle", "drain"),
    [("prod", 900, "960", "900"), ("open", 3600, "3660", "3600")],
)
def test_the_gateway_ends_an_answer_and_never_the_load_balancer(
    stacks, environments, environment, deadline, idle, drain
):
    """A model may be silent until its deadline; a task that goes keeps its answers till then."""
    stack = stacks(environment)["gateway"]
    assert max(m.deadline for m in environments[environment].gateway.models) == deadline

    assert attributes(stack)["idle_timeout.timeout_seconds"] == idle
    group = attributes(stack, "AWS::ElasticLoadBalancingV2::TargetGroup")
    assert group["deregistration_delay.timeout_seconds"] == drain
    assert group["load_balancing.algorithm.type"] == "least_outstanding_requests"


def test_the_load_balancers_longest_values_are_those_that_elb_takes():
    """ELB user guide, load balancer and target group attributes."""
    assert front_door._LONGEST_SILENCE == 4000
    assert front_door._LONGEST_DRAIN == 3600


def test_without_tokens_every_call_goes_to_the_tasks(stacks):
    stack = stacks("prod")["gateway"]
    listener = stack.only("AWS::ElasticLoadBalancingV2::Listener")

    assert [action["Type"] for action in listener["DefaultActions"]] == ["forward"]
    assert not stack.every("AWS::ElasticLoadBalancingV2::ListenerRule")


def test_a_token_is_verified_before_a_task_sees_it(stacks):
    [verify, forward] = stacks("open")["gateway"].only("AWS::ElasticLoadBalancingV2::Listener")[
        "DefaultActions"
    ]

    assert (verify["Type"], verify["Order"]) == ("jwt-validation", 1)
    assert verify["JwtValidationConfig"] == {
        "Issuer": "https://issuer.example.com/tenant",
        "JwksEndpoint": "https://issuer.example.com/tenant/.well-known/jwks.json",
    }
    assert (forward["Type"], forward["Order"]) == ("forward", 2)


def unverified(stacks, field):
    """Conditions on a part of the request, under which it comes to the tasks as it is."""
    rules = stacks("open")["gateway"].every("AWS::ElasticLoadBalancingV2::ListenerRule").values()
    assert all([a["Type"] for a in rule["Actions"]] == ["forward"] for rule in rules)
    return [c for rule in rules for c in rule["Conditions"] if c["Field"] == field]


def test_what_passes_unverified_is_what_the_gateway_takes_no_token_from(stacks):
    """Else anybody could sign in as anybody."""
    headers = [c["HttpHeaderConfig"] for c in unverified(stacks, "http-header")]
    passing = [
        [(b"x-api-key", b""), (b"authorization", b"Bearer forged.token.here")],
        [(b"authorization", b"Bearer sk-forged.token.here")],
        [(b"authorization", b"bearer SK-forged.token.here")],
        [(b"authorization", b"Bearer sk-"), (b"authorization", b"Bearer forged.token.here")],
    ]

    assert sorted((h["HttpHeaderName"], *h["Values"]) for h in headers) == [
        ("authorization", "Bearer sk-*"),
        ("x-api-key", "*"),
    ]
    assert [token_of(request) for request in passing] == [None] * len(passing)
    assert token_of([(b"authorization", b"Bearer verified.token.here")])


def test_pages_pass_unverified_and_no_call_of_a_model_does(stacks):
    [condition] = unverified(stacks, "path-pattern")
    patterns = condition["PathPatternConfig"]["Values"]

    def passes(path):
        return any(fnmatchcase(path, pattern) for pattern in patterns)

    assert len(patterns) <= 5  # ELB takes no more in a rule
    assert all(passes(path) for path in load_pages())
    for path in ("/v1/chat/completions", "/v1/usage", "/model/nova/converse", "/v1/../playground/"):
        assert not passes(path)


def test_the_load_balancer_reaches_the_issuers_keys_where_there_is_one(stacks):
    def ways_out(environment):
        rules = stacks(environment)["gateway"].every("AWS::EC2::SecurityGroupEgress").values()
        return [(rule["CidrIp"], rule["FromPort"]) for rule in rules if "CidrIp" in rule]

    assert ways_out("open") == [("0.0.0.0/0", 443)]
    assert ways_out("prod") == []


def test_tasks_get_calls_once_they_are_ready(stacks):
    group = stacks("prod")["gateway"].only("AWS::ElasticLoadBalancingV2::TargetGroup")

    assert group["HealthCheckPath"] == "/ready"
    assert (group["Port"], group["Protocol"], group["TargetType"]) == (8080, "HTTP", "ip")


def test_every_call_is_logged_in_the_storage_stacks_bucket(stacks):
    logged = attributes(stacks("prod")["gateway"])
    policies = stacks("prod")["storage"].every("AWS::S3::BucketPolicy")

    assert logged["access_logs.s3.enabled"] == "true"
    assert "AccessLogs" in str(logged["access_logs.s3.bucket"])
    [policy] = [p for name, p in policies.items() if name.startswith("AccessLogs")]
    assert "/gateway/AWSLogs/" in str(policy["PolicyDocument"])


def test_it_reaches_the_tasks_and_nothing_else(stacks):
    stack = stacks("prod")["gateway"]
    [tasks] = [
        name
        for name in stack.every("AWS::EC2::SecurityGroup")
        if name.startswith("ServiceSecurityGroup")
    ]

    rule = stack.only("AWS::EC2::SecurityGroupEgress")

    assert rule["DestinationSecurityGroupId"] == {"Fn::GetAtt": [tasks, "GroupId"]}
    assert (rule["FromPort"], rule["ToPort"]) == (8080, 8080)
