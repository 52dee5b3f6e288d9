"""Who a request to Bedrock is for, as AWS can tell afterwards.

`requestMetadata` stands in the model invocation logs; an application inference profile, which
carries tags, on the bill. Rules of the former: botocore's service model of bedrock-runtime, and
https://docs.aws.amazon.com/bedrock/latest/userguide/cost-mgmt-request-metadata.html
"""

from workloads.gateway.call import Json
from workloads.gateway.caller import Caller
from workloads.gateway.errors import bad_request

MOST_PAIRS = 16


def metadata(caller: Caller) -> dict[str, str]:
    """The pairs every request carries; names of tenants have no character that is not allowed."""
    return {"tenant": caller.tenant.name, "request_id": caller.request_id}


def add_metadata(request: Json, caller: Caller) -> None:
    """To what the client itself says, and instead of it. Raises ApiError 400."""
    own = metadata(caller)
    given = request.get("requestMetadata")
    if given is None:
        request["requestMetadata"] = own
        return
    if not isinstance(given, dict):
        raise bad_request("requestMetadata is not an object", "requestMetadata")
    pairs = {**given, **own}
    if len(pairs) > MOST_PAIRS:
        raise bad_request(
            f"requestMetadata has {len(given)} pairs; {MOST_PAIRS - len(own)} are left to clients",
            "requestMetadata",
        )
    request["requestMetadata"] = pairs
