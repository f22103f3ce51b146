"""The shell of a page."""

import base64
import hashlib
from collections.abc import Iterable
from pathlib import Path

from reconciler.views.safe_html import Html, element, text

_POLICY = (
    "default-src 'none'; style-src 'sha256-{style}'; script-src 'sha256-{script}'; base-uri 'none'; form-action 'none'"
)


def page(title: str, body: Iterable[Html]) -> str:
    """The whole document; it ends in a line end."""
    style, script = _part("plan.css"), _part("plan.js")
    head = [
        '<meta charset="utf-8">',
        f'<meta http-equiv="Content-Security-Policy" content="{_policy(style, script)}">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        '<meta name="color-scheme" content="light dark">',
        '<meta name="referrer" content="no-referrer">',
        element("title", text(title)),
        f"<style>{style}</style>",
    ]
    foot = [f"<script>{script}</script>", "</body>", "</html>", ""]
    return "\n".join(["<!doctype html>", '<html lang="en">', "<head>", *head, "</head>", "<body>", *body, *foot])


def _part(name: str) -> str:
    return Path(__file__).with_name(name).read_text(encoding="utf-8")


def _policy(style: str, script: str) -> Html:
    return text(_POLICY.format(style=_digest(style), script=_digest(script)))


def _digest(source: str) -> str:
    return base64.b64encode(hashlib.sha256(source.encode()).digest()).decode("ascii")
