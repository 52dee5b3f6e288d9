"""Budgets: one budget and the notifications that it sends."""

from typing import Any

from operations.embedded.extension.handler import Call, Created, Handler, Properties


class Budget:
    """A budget, named by its template or by CloudFormation."""

    type = "AWS::Budgets::Budget"
    create_only = ("NotificationsWithSubscribers",)

    def create(self, call: Call, properties: Properties) -> Created:
        budget = {"BudgetName": call.name(100), **properties["Budget"]}
        call("budgets", "CreateBudget", {**properties, **_account(call), "Budget": budget})
        return Created(budget["BudgetName"], {"Id": budget["BudgetName"]})

    def update(self, call: Call, id: str, old: Properties, new: Properties) -> Created:
        if new["Budget"].get("BudgetName", id) != id:
            return self.create(call, new)
        budget = {"BudgetName": id, **new["Budget"]}
        call("budgets", "UpdateBudget", {**_account(call), "NewBudget": budget})
        if old.get("ResourceTags") != new.get("ResourceTags"):
            call.dropped.append("ResourceTags")
        return Created(id, {"Id": id})

    def delete(self, call: Call, id: str, properties: Properties) -> None:
        call.quietly("budgets", "DeleteBudget", {**_account(call), "BudgetName": id})


def _account(call: Call) -> dict[str, Any]:
    return {"AccountId": call.place.account}


HANDLERS: tuple[Handler, ...] = (Budget(),)
