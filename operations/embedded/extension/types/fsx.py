"""FSx: the file system beside the nodes that train."""

from operations.embedded.extension.api_type import ApiType
from operations.embedded.extension.handler import Handler

FILE_SYSTEM = ApiType(
    type="AWS::FSx::FileSystem",
    service="fsx",
    create_only=("BackupId", "FileSystemType", "KmsKeyId", "SecurityGroupIds", "SubnetIds"),
    create_call="CreateFileSystem",
    read_call="DescribeFileSystems",
    update_call="UpdateFileSystem",
    delete_call="DeleteFileSystem",
    record="FileSystems[0]",
    created="FileSystem",
    id="{FileSystemId}",
    at={"FileSystemIds": "{id}"},
    change_at={"FileSystemId": "{id}"},
    attributes={
        "DNSName": "DNSName",
        "Id": "FileSystemId",
        "LustreMountName": "LustreConfiguration.MountName",
        "ResourceARN": "ResourceARN",
    },
    tag_target="{ResourceARN}",
)

HANDLERS: tuple[Handler, ...] = (FILE_SYSTEM,)
