"""Images that a request names by their address instead of sending them."""

from collections.abc import Callable, Iterable
from typing import Any, NamedTuple


class Link(NamedTuple):
    """One address; `fill` puts the image in its place: a type, such as "png", and base64."""

    url: str
    fill: Callable[[str, str], None]


def chat_links(messages: Iterable[Any]) -> list[Link]:
    """Of messages in OpenAI's form."""
    links: list[Link] = []
    for message in messages:
        if isinstance(message, dict) and type(content := message.get("content")) is list:
            for part in content:
                match part:
                    case {"image_url": {"url": str(url)} as image} if not url.startswith("data:"):
                        links.append(Link(url, _filled(image)))
    return links


def messages_links(messages: Iterable[Any]) -> list[Link]:
    """Of messages in Anthropic's form, tool results and all."""
    links: list[Link] = []
    for message in messages:
        if isinstance(message, dict) and type(content := message.get("content")) is list:
            links += messages_links(content)
            for part in content:
                match part:
                    case {"type": "image", "source": {"type": "url", "url": str(url)}}:
                        links.append(Link(url, _sourced(part)))
    return links


def _filled(image: dict[str, Any]) -> Callable[[str, str], None]:
    def fill(kind: str, data: str) -> None:
        image["url"] = f"data:image/{kind};base64,{data}"

    return fill


def _sourced(part: dict[str, Any]) -> Callable[[str, str], None]:
    def fill(kind: str, data: str) -> None:
        part["source"] = {"type": "base64", "media_type": f"image/{kind}", "data": data}

    return fill
