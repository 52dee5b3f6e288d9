"""The playground's page and its files, read once; no key is needed to load them.

They hold no secret: what they show they ask the gateway for, with the key that the user types.
"""

from pathlib import Path
from typing import NamedTuple

FOLDER = Path(__file__).parent / "playground"
TYPES = {
    ".css": b"text/css; charset=utf-8",
    ".html": b"text/html; charset=utf-8",
    ".js": b"text/javascript; charset=utf-8",
    ".svg": b"image/svg+xml",
}
# Nothing from elsewhere, nothing inline: a text of a model can never become a script.
HEADERS = {
    "content-security-policy": "default-src 'none'; script-src 'self'; style-src 'self'; "
    "img-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'",
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cache-control": "no-cache",
}


class Page(NamedTuple):
    """One file and its content type."""

    body: bytes
    content_type: bytes


def load_pages(folder: Path = FOLDER) -> dict[str, Page]:
    """Every file of the playground by its path; the page itself is at `/`."""
    return {
        "/" if path.name == "index.html" else f"/playground/{path.name}": Page(
            path.read_bytes(), TYPES[path.suffix]
        )
        for path in folder.iterdir()
        if path.suffix in TYPES
    }
