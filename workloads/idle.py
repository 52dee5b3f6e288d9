"""For how long a pool's accelerators have done nothing, told once an hour; a forgotten pool ends.

AWS Lambda runs this file (stacks/node_pool/idle.py): it imports what is there. A pool sleeps by its
node group: by the taint, which nodes that are there get too, pods leave and none that waits brings
a node; without a minimum the autoscaler takes what is empty, and an hour later this does.
"""

import json
import time
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3

TAINT = {"key": "asleep", "value": "idle", "effect": "NO_EXECUTE"}
BUSY = 1.0  # percent, of the busiest device in an hour


def handler(event: dict[str, Any], context: object = None) -> dict[str, int]:
    """`event`: cluster, group, pool, namespace; metric, of Container Insights, in percent; look,
    hours back; sleep, the idle hours that end the pool, or 0. A silent or young node is busy.
    """
    nodes = _nodes(event["cluster"], event["group"])
    if not nodes:
        return {}
    told = {"IdleHours": min(_idle(event, nodes))}
    if event["sleep"] and told["IdleHours"] >= event["sleep"]:
        told["PutToSleep"] = _put_to_sleep(event["cluster"], event["group"])
    metrics = {
        "Namespace": event["namespace"],
        "Dimensions": [["Pool"]],
        "Metrics": [{"Name": name} for name in told],
    }
    embedded = {"Timestamp": int(time.time() * 1000), "CloudWatchMetrics": [metrics]}
    print(json.dumps({"_aws": embedded, "Pool": event["pool"], "Nodes": len(nodes), **told}))
    return told


def _nodes(cluster: str, group: str) -> dict[str, str]:
    """Instance ID -> name of the node, of those that run."""
    tags = {"tag:eks:cluster-name": cluster, "tag:eks:nodegroup-name": group}
    asked = {**tags, "instance-state-name": "running"}
    pages = boto3.client("ec2").get_paginator("describe_instances")
    return {
        instance["InstanceId"]: instance["PrivateDnsName"]
        for page in pages.paginate(Filters=[{"Name": k, "Values": [v]} for k, v in asked.items()])
        for reservation in page["Reservations"]
        for instance in reservation["Instances"]
    }


def _idle(event: dict[str, Any], nodes: dict[str, str]) -> list[int]:
    """The whole hours up to now that each node's devices have been idle."""
    now = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
    hours = [now - timedelta(hours=back) for back in range(1, event["look"] + 1)]
    queries: list[Any] = []
    for n, (instance, node) in enumerate(nodes.items()):
        names = {"ClusterName": event["cluster"], "InstanceId": instance, "NodeName": node}
        metric = {
            "Namespace": "ContainerInsights",
            "MetricName": event["metric"],
            "Dimensions": [{"Name": k, "Value": v} for k, v in names.items()],
        }
        stat = {"Metric": metric, "Period": 3600, "Stat": "Maximum"}
        queries.append({"Id": f"n{n}", "MetricStat": stat})
    seen: dict[str, dict[datetime, float]] = {query["Id"]: {} for query in queries}
    pages = boto3.client("cloudwatch").get_paginator("get_metric_data")
    for page in pages.paginate(MetricDataQueries=queries, StartTime=hours[-1], EndTime=now):
        for result in page["MetricDataResults"]:
            seen[result["Id"]] |= zip(result["Timestamps"], result["Values"], strict=True)
    return [
        next((n for n, hour in enumerate(hours) if told.get(hour, BUSY) >= BUSY), len(hours))
        for told in seen.values()
    ]


def _put_to_sleep(cluster: str, group: str) -> int:
    """1; or 0 while another update of the group is under way."""
    eks = boto3.client("eks")
    where = {"clusterName": cluster, "nodegroupName": group}
    found = eks.describe_nodegroup(**where)["nodegroup"]
    if found["status"] != "ACTIVE":
        return 0
    asleep = any(taint["key"] == TAINT["key"] for taint in found.get("taints", []))
    scaling = {"minSize": 0} | ({"desiredSize": 0} if asleep else {})
    taints = {"addOrUpdateTaints": [TAINT]}
    eks.update_nodegroup_config(**where, scalingConfig=scaling, taints=taints)
    return 1
