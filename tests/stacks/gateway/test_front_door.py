import pytest

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


def test_a_silent_stream_lives_15_minutes_and_survives_its_tasks_going(stacks):
    stack = stacks("prod")["gateway"]

    assert attributes(stack)["idle_timeout.timeout_seconds"] == "900"
    group = attributes(stack, "AWS::ElasticLoadBalancingV2::TargetGroup")
    assert group["deregistration_delay.timeout_seconds"] == "900"
    assert group["load_balancing.algorithm.type"] == "least_outstanding_requests"


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
