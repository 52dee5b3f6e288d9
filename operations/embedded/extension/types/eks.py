"""EKS: add-ons, access entries with their policies, pod identity associations."""

from typing import Any

from operations.embedded.extension.api_type import ApiType
from operations.embedded.extension.handler import Call, Created, Handler, Properties

ADDON = ApiType(
    type="AWS::EKS::Addon",
    service="eks",
    create_only=("ClusterName", "AddonName", "NamespaceConfig"),
    create_call="CreateAddon",
    read_call="DescribeAddon",
    update_call="UpdateAddon",
    delete_call="DeleteAddon",
    record="addon",
    created="addon",
    id="{ClusterName}|{AddonName}",
    at={"clusterName": "{ClusterName}", "addonName": "{AddonName}"},
    attributes={"Arn": "addonArn"},
    tag_target="{addonArn}",
)

POD_IDENTITY_ASSOCIATION = ApiType(
    type="AWS::EKS::PodIdentityAssociation",
    service="eks",
    create_only=("ClusterName", "Namespace", "ServiceAccount"),
    create_call="CreatePodIdentityAssociation",
    read_call="DescribePodIdentityAssociation",
    update_call="UpdatePodIdentityAssociation",
    delete_call="DeletePodIdentityAssociation",
    record="association",
    created="association",
    id="{associationArn}",
    at={"clusterName": "{ClusterName}", "associationId": "{tail}"},
    attributes={
        "AssociationArn": "associationArn",
        "AssociationId": "associationId",
        "ExternalId": "externalId",
    },
)

_ENTRY = ApiType(
    type="AWS::EKS::AccessEntry",
    service="eks",
    create_only=("PrincipalArn", "ClusterName", "Type"),
    create_call="CreateAccessEntry",
    read_call="DescribeAccessEntry",
    update_call="UpdateAccessEntry",
    delete_call="DeleteAccessEntry",
    record="accessEntry",
    created="accessEntry",
    id="{PrincipalArn}|{ClusterName}",
    at={"clusterName": "{ClusterName}", "principalArn": "{PrincipalArn}"},
    attributes={"AccessEntryArn": "accessEntryArn"},
    tag_target="{accessEntryArn}",
)


class AccessEntry:
    """An access entry; its policies are calls of their own."""

    type = _ENTRY.type
    create_only = _ENTRY.create_only

    def create(self, call: Call, properties: Properties) -> Created:
        created = _ENTRY.create(call, _without_policies(properties))
        self._associate(call, {}, properties)
        return created

    def update(self, call: Call, id: str, old: Properties, new: Properties) -> Created:
        updated = _ENTRY.update(call, id, _without_policies(old), _without_policies(new))
        self._associate(call, old, new)
        return updated

    def delete(self, call: Call, id: str, properties: Properties) -> None:
        _ENTRY.delete(call, id, properties)

    def _associate(self, call: Call, old: Properties, new: Properties) -> None:
        entry = {"clusterName": new["ClusterName"], "principalArn": new["PrincipalArn"]}
        before, after = _policies(old), _policies(new)
        for arn in before.keys() - after.keys():
            call("eks", "DisassociateAccessPolicy", entry | {"policyArn": arn})
        for arn, policy in after.items():
            call("eks", "AssociateAccessPolicy", entry | {"policyArn": arn} | policy)


def _without_policies(properties: Properties) -> dict[str, Any]:
    return {name: value for name, value in properties.items() if name != "AccessPolicies"}


def _policies(properties: Properties) -> dict[str, Any]:
    """Access scope by policy ARN."""
    return {
        policy["PolicyArn"]: {"accessScope": policy["AccessScope"]}
        for policy in properties.get("AccessPolicies", [])
    }


HANDLERS: tuple[Handler, ...] = (ADDON, POD_IDENTITY_ASSOCIATION, AccessEntry())
