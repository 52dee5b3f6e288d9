"""A guardrail that blocks the word "forbidden" and masks addresses of mail, as ApplyGuardrail."""

import re

BLOCKED = {"INPUT": "This may not be asked.", "OUTPUT": "This may not be said."}
_MAIL = re.compile(r"[\w.]+@[\w.]+\w")


def apply_guardrail(request: dict) -> dict:
    """The answer to a request of ApplyGuardrail."""
    source, texts = request["source"], [block["text"]["text"] for block in request["content"]]
    units = {"contentPolicyUnits": sum(-(-len(text) // 1000) for text in texts)}
    answer = {"action": "GUARDRAIL_INTERVENED", "usage": units, "outputs": [], "assessments": []}
    if any("forbidden" in text for text in texts):
        word = {"match": "forbidden", "action": "BLOCKED"}
        assessment = {"wordPolicy": {"customWords": [word], "managedWordLists": []}}
        return answer | {"outputs": [{"text": BLOCKED[source]}], "assessments": [assessment]}
    found = [mail for text in texts for mail in _MAIL.findall(text)]
    if not found:
        return answer | {"action": "NONE"}
    entities = [{"type": "EMAIL", "match": mail, "action": "ANONYMIZED"} for mail in found]
    assessment = {"sensitiveInformationPolicy": {"piiEntities": entities, "regexes": []}}
    masked = [{"text": _MAIL.sub("{EMAIL}", text)} for text in texts]
    return answer | {"outputs": masked, "assessments": [assessment]}
