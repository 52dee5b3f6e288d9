"""Whether anybody is told before the money is spent."""

from collections.abc import Iterator

from operations.preflight.registry import Case, Found, listed, question, quoted


@question(
    "subscription",
    "budget",
    title="The address that alarms go to has confirmed its subscription",
    without="Alarms are raised and nobody gets them.",
    asks=[
        "cloudformation:DescribeStacks",
        "cloudformation:DescribeStackResources",
        "sns:ListSubscriptionsByTopic",
    ],
    sources=["https://docs.aws.amazon.com/sns/latest/dg/SendMessageToHttp.confirm.html"],
    when=lambda config: config.budget is not None,
)
def subscription(case: Case) -> Iterator[Found]:
    topic = case.physical_id("observability", "AWS::SNS::Topic")
    if topic is None:
        return
    for row in case.ask("sns", "ListSubscriptionsByTopic", TopicArn=topic)["Subscriptions"]:
        if row["SubscriptionArn"] == "PendingConfirmation":
            address = row["Endpoint"]
            yield Found(
                "may fail",
                f"{address} has not confirmed that it wants the alarms",
                case.command(
                    f"sns subscribe --topic-arn {topic} --protocol email "
                    f"--notification-endpoint {address}"
                )
                + "  # sends the mail again",
            )


@question(
    "cost-tags",
    "budget",
    title="The tags that the budget counts by are active as cost allocation tags",
    without="The budget counts nothing, and never says a word.",
    asks=["ce:ListCostAllocationTags", "cloudformation:DescribeStacks"],
    sources=["https://docs.aws.amazon.com/awsaccountbilling/latest/aboutv2/activating-tags.html"],
    when=lambda config: bool(config.budget and config.tags),
)
def cost_tags(case: Case) -> Iterator[Found]:
    answer = case.ask("ce", "ListCostAllocationTags", region="us-east-1")
    states = {row["TagKey"]: row["Status"] for row in answer["CostAllocationTags"]}
    off = [tag for tag in case.config.tags if states.get(tag) != "Active"]
    if not off:
        return
    status = [{"TagKey": tag, "Status": "Active"} for tag in off]
    known = all(tag in states for tag in off)
    yield Found(
        # A tag can be activated a day after the first resource that carries it.
        "may fail" if known or "observability" in case.stacks else "note",
        f"{listed(off)} {'is' if len(off) == 1 else 'are'} not active as cost allocation tags",
        "aws ce update-cost-allocation-tags-status --cost-allocation-tags-status "
        + quoted(status)
        + ("" if known else "  # possible a day after the first deployment"),
    )
