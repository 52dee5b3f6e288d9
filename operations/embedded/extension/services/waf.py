"""WAF's logging configurations, beside ministack's WAF: records, nothing is logged."""

from operations.embedded.extension.services.engine import JsonService, Record, ServiceError, Store

_KIND = "logging"


def _put(store: Store, request: Record) -> Record:
    configuration: Record = request["LoggingConfiguration"]
    for arn in configuration["LogDestinationConfigs"]:
        name = arn.rpartition(":")[2].rpartition("/")[2]
        if not name.startswith("aws-waf-logs-"):
            raise ServiceError(
                "WAFInvalidParameterException",
                f"{arn}: the name of a log's destination must begin with aws-waf-logs-",
            )
    store.kinds[_KIND][configuration["ResourceArn"]] = configuration
    return {"LoggingConfiguration": configuration}


def _get(store: Store, request: Record) -> Record:
    return {"LoggingConfiguration": _find(store, request)}


def _delete(store: Store, request: Record) -> Record:
    _find(store, request)
    del store.kinds[_KIND][request["ResourceArn"]]
    return {}


def _find(store: Store, request: Record) -> Record:
    configuration = store.kinds[_KIND].get(request["ResourceArn"])
    if configuration is None:
        raise ServiceError(
            "WAFNonexistentItemException", f"no logging of {request['ResourceArn']}: not found"
        )
    return configuration


WAF_LOGGING = JsonService(
    "wafv2",
    {
        "PutLoggingConfiguration": _put,
        "GetLoggingConfiguration": _get,
        "DeleteLoggingConfiguration": _delete,
    },
    whole=False,
)
