"""Citations of Converse in the form of Anthropic's Messages."""

from typing import Any

from workloads.gateway.call import Json

# Converse's locations in a document: Anthropic's type, and what its ends are called.
_DOCUMENT = {
    "documentChar": ("char_location", "char_index"),
    "documentPage": ("page_location", "page_number"),
    "documentChunk": ("content_block_location", "block_index"),
}


def cited_text(block: Json) -> str:
    """The text of a `citationsContent` block."""
    return "".join(part.get("text", "") for part in block.get("content") or [])


def citation(given: Json) -> Json | None:
    """One citation; None for places that Anthropic's form has no words for, such as a web page."""
    location: Any = given.get("location") or {}
    source = given.get("sourceContent") or []
    text = "".join(part.get("text", "") for part in source)
    for kind, (type, end) in _DOCUMENT.items():
        if (place := location.get(kind)) is not None:
            return {
                "type": type,
                "cited_text": text,
                "document_index": place.get("documentIndex", 0),
                "document_title": given.get("title"),
                "file_id": None,
                f"start_{end}": place.get("start", 0),
                f"end_{end}": place.get("end", 0),
            }
    if (place := location.get("searchResultLocation")) is not None:
        return {
            "type": "search_result_location",
            "cited_text": text,
            "search_result_index": place.get("searchResultIndex", 0),
            "source": given.get("source") or "",
            "title": given.get("title"),
            "start_block_index": place.get("start", 0),
            "end_block_index": place.get("end", 0),
        }
    return None
