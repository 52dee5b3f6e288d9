"""Images that a request names by their address instead of sending them."""

from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

from workloads.gateway.errors import bad_request


class Link(NamedTuple):
    """One address; `fill` puts the image in its place: a type, such as "png", and base64."""

    url: str
    fill: Callable[[str, str], None]


def chat_links(messages: Iterable[Any]) -> list[Link]:
    """Of messages in OpenAI's form, and as vLLM writes it shorter. Raises ApiError 400.

    Its servers would fetch sound and video too, from inside the network.
    """
    links: list[Link] = []
    for message in messages:
        if isinstance(message, dict) and type(content := message.get("content")) is list:
            for part in content:
                _refuse_media(part)
                match part:
                    case {"image_url": {"url": str(url)} as image} if not url.startswith("data:"):
                        links.append(Link(url, _filled(image)))
                    case {"image_url": str(url)} if not url.startswith("data:"):
                        part["image_url"] = image = {"url": url}
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


def _refuse_media(part: Any) -> None:
    for kind in ("video_url", "audio_url"):
        if isinstance(part, dict) and kind in part:
            media = part[kind]
            url = media.get("url") if isinstance(media, dict) else media
            if not isinstance(url, str) or not url.startswith("data:"):
                raise bad_request(
                    f"{kind} must be data:…;base64,…: nothing but images is fetched from an "
                    "address here"
                )


def _filled(image: dict[str, Any]) -> Callable[[str, str], None]:
    def fill(kind: str, data: str) -> None:
        image["url"] = f"data:image/{kind};base64,{data}"

    return fill


def _sourced(part: dict[str, Any]) -> Callable[[str, str], None]:
    def fill(kind: str, data: str) -> None:
        part["source"] = {"type": "base64", "media_type": f"image/{kind}", "data": data}

    return fill
