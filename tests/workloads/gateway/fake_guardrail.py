"""A guardrail that blocks whatever says "forbidden" and masks addresses of mail."""

import base64
import re

BLOCKED = {"INPUT": "This may not be asked.", "OUTPUT": "This may not be said."}
_MAIL = re.compile(r"[\w.]+@[\w.]+\w")


def apply_guardrail(request: dict) -> dict:
    """The answer to a request of ApplyGuardrail."""
    source, content = request["source"], request["content"]
    texts = [block["text"]["text"] for block in content if "text" in block]
    images = [block["image"] for block in content if "image" in block]
    assert all(image["format"] in ("png", "jpeg") for image in images)
    units = {"contentPolicyUnits": sum(-(-len(text) // 1000) for text in texts)}
    answer = {"action": "GUARDRAIL_INTERVENED", "usage": units, "outputs": [], "assessments": []}
    blocked = answer | {"outputs": [{"text": BLOCKED[source]}]}
    if any("forbidden" in text for text in texts):
        word = {"match": "forbidden", "action": "BLOCKED"}
        return blocked | {"assessments": [{"wordPolicy": {"customWords": [word]}}]}
    if any(b"forbidden" in base64.b64decode(image["source"]["bytes"]) for image in images):
        kind = {"type": "VIOLENCE", "confidence": "HIGH", "action": "BLOCKED"}
        return blocked | {"assessments": [{"contentPolicy": {"filters": [kind]}}]}
    found = [mail for text in texts for mail in _MAIL.findall(text)]
    if not found:
        return answer | {"action": "NONE"}
    entities = [{"type": "EMAIL", "match": mail, "action": "ANONYMIZED"} for mail in found]
    assessment = {"sensitiveInformationPolicy": {"piiEntities": entities, "regexes": []}}
    masked = [{"text": _MAIL.sub("{EMAIL}", text)} for text in texts]
    return answer | {"outputs": masked, "assessments": [assessment]}
