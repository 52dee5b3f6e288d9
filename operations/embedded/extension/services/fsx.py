"""FSx's control plane; a file system stays in the life cycle CREATING, nothing can mount it."""

from operations.embedded.extension.services.engine import (
    JsonService,
    Record,
    ServiceError,
    Store,
    new_id,
    now,
    retag,
)

_KIND = "FileSystem"


def _create(store: Store, request: Record) -> Record:
    id = new_id("fs-0")[:20]
    record = request | {
        "FileSystemId": id,
        "OwnerId": store.account,
        "CreationTime": now(),
        "Lifecycle": "CREATING",
        "DNSName": f"{id}.fsx.{store.region}.amazonaws.com",
        "ResourceARN": store.arn(f"file-system/{id}"),
    }
    if request["FileSystemType"] == "LUSTRE":
        mount = {"MountName": new_id("")[:8]}
        record["LustreConfiguration"] = request.get("LustreConfiguration", {}) | mount
    store.kinds[_KIND][id] = record
    return {"FileSystem": record}


def _find(store: Store, id: str) -> Record:
    if id not in store.kinds[_KIND]:
        raise ServiceError("FileSystemNotFound", f"File system {id!r} does not exist.")
    return store.kinds[_KIND][id]


def _describe(store: Store, request: Record) -> Record:
    ids = request.get("FileSystemIds") or list(store.kinds[_KIND])
    return {"FileSystems": [_find(store, id) for id in ids]}


def _update(store: Store, request: Record) -> Record:
    record = _find(store, request["FileSystemId"])
    for name, value in request.items():
        old = record.get(name)
        record[name] = old | value if isinstance(old, dict) else value
    return {"FileSystem": record}


def _delete(store: Store, request: Record) -> Record:
    id = request["FileSystemId"]
    _find(store, id)
    del store.kinds[_KIND][id]
    return {"FileSystemId": id, "Lifecycle": "DELETING"}


def _tagged(store: Store, request: Record) -> Record:
    return _find(store, request["ResourceARN"].rpartition("/")[2])


def _tag(store: Store, request: Record) -> Record:
    retag(_tagged(store, request), request["Tags"], [])
    return {}


def _untag(store: Store, request: Record) -> Record:
    retag(_tagged(store, request), [], request["TagKeys"])
    return {}


def _list_tags(store: Store, request: Record) -> Record:
    return {"Tags": _tagged(store, request).get("Tags", [])}


FSX = JsonService(
    "fsx",
    {
        "CreateFileSystem": _create,
        "DescribeFileSystems": _describe,
        "UpdateFileSystem": _update,
        "DeleteFileSystem": _delete,
        "TagResource": _tag,
        "UntagResource": _untag,
        "ListTagsForResource": _list_tags,
    },
)
