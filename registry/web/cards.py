"""Model cards: Markdown of strangers to HTML that is safe to show."""

from __future__ import annotations

import re

import nh3
from django.utils.safestring import SafeString
from markdown_it import MarkdownIt
from markdown_it.token import Token

LIMIT_CHARACTERS = 200_000
INLINE = {"a", "br", "code", "em", "s", "strong"}
BLOCKS = {"blockquote", "h3", "h4", "h5", "h6", "hr", "li", "ol", "p", "pre", "ul"}
TABLES = {"table", "tbody", "td", "th", "thead", "tr"}
TAGS = INLINE | BLOCKS | TABLES
FRONT_MATTER = re.compile(r"\A---\r?\n.*?\r?\n---[ \t]*(\r?\n|\Z)", re.DOTALL)

_markdown = MarkdownIt("commonmark", {"html": False, "maxNesting": 20}).enable(["table", "strikethrough"])


def render(text: str) -> SafeString:
    """The card as HTML made only of TAGS, its headings below the page's own.

    HTML in the card is shown as text, images become their description, links may only lead to
    http, https and mailto and hand nothing on. A card beyond LIMIT_CHARACTERS is cut.
    """
    body = FRONT_MATTER.sub("", text[:LIMIT_CHARACTERS], count=1)
    tokens = _markdown.parse(body)
    for token in tokens:
        if token.type in {"heading_open", "heading_close"}:
            token.tag = f"h{min(int(token.tag[1]) + 2, 6)}"
        for child in token.children or ():
            if child.type == "image":
                child.type, child.content = "text", f"[image: {child.content}]"
    _plain_empty_headings(tokens)
    html = _markdown.renderer.render(tokens, _markdown.options, {})
    return SafeString(clean(html))


def _plain_empty_headings(tokens: list[Token]) -> None:
    """A table heading without words is a plain cell: a screen reader would announce nothing."""
    for opening, inline, closing in zip(tokens, tokens[1:], tokens[2:], strict=False):
        if opening.type == "th_open" and not inline.content.strip():
            opening.tag = closing.tag = "td"


def clean(html: str) -> str:
    """Only TAGS, no attribute but a link's, no scheme that acts. Does not trust the renderer above."""
    return nh3.clean(
        html,
        tags=TAGS,
        attributes={"a": {"href", "title"}, "ol": {"start"}},
        url_schemes={"http", "https", "mailto"},
        link_rel="noopener noreferrer nofollow",
    )
