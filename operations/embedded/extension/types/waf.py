"""WAF: which web ACL protects which load balancer, and where an ACL's log goes."""

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


class LoggingConfiguration:
    """One ACL's log, of which it has one at most."""

    type = "AWS::WAFv2::LoggingConfiguration"
    create_only = ("ResourceArn",)

    def create(self, call: Call, properties: Properties) -> Created:
        call("wafv2", "PutLoggingConfiguration", {"LoggingConfiguration": properties})
        return Created(properties["ResourceArn"])

    def update(self, call: Call, id: str, old: Properties, new: Properties) -> Created:
        return self.create(call, new)

    def delete(self, call: Call, id: str, properties: Properties) -> None:
        call.quietly("wafv2", "DeleteLoggingConfiguration", {"ResourceArn": id})


HANDLERS: tuple[Handler, ...] = (WebAclAssociation(), LoggingConfiguration())
