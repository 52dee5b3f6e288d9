"""WAF: which web ACL protects which load balancer."""

from operations.embedded.extension.handler import Call, Created, Handler, Properties


class WebAclAssociation:
    """One protected resource; it exists only as the pair of ARNs."""

    type = "AWS::WAFv2::WebACLAssociation"
    create_only = ("ResourceArn", "WebACLArn")

    def create(self, call: Call, properties: Properties) -> Created:
        call("wafv2", "AssociateWebACL", properties)
        return Created(f"{properties['ResourceArn']}|{properties['WebACLArn']}")

    def update(self, call: Call, id: str, old: Properties, new: Properties) -> Created:
        return Created(id)  # both properties are create-only

    def delete(self, call: Call, id: str, properties: Properties) -> None:
        call.quietly("wafv2", "DisassociateWebACL", {"ResourceArn": properties["ResourceArn"]})


HANDLERS: tuple[Handler, ...] = (WebAclAssociation(),)
