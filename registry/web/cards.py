"""Model cards: Markdown of strangers to HTML that is safe to show."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from itertools import count

import nh3
from django.utils.safestring import SafeString
from markdown_it import MarkdownIt
from markdown_it.token import Token
from mdit_py_plugins.footnote import footnote_plugin

LIMIT_CHARACTERS = 200_000
"""A book has as many: what is longer is no card, and all of it is rendered in a page's thread."""
MOST_NOTES = 500
"""Marks of footnotes and their notes; a card with more is shown without any, as it is written."""
INLINE = {"a", "br", "code", "em", "s", "strong", "sup"}
BLOCKS = {"blockquote", "h3", "h4", "h5", "h6", "hr", "li", "ol", "p", "pre", "ul"}
TABLES = {"table", "tbody", "td", "th", "thead", "tr"}
TAGS = INLINE | BLOCKS | TABLES
FRONT_MATTER = re.compile(r"\A---\r?\n.*?\r?\n---[ \t]*(\r?\n|\Z)", re.DOTALL)

OURS = re.compile(r"card-(note|mark)-[0-9]+(-[0-9]+)?")
"""The only ids in a card: numbers of ours, never a label of its writer, so that they meet no other id."""


def _parser() -> MarkdownIt:
    return MarkdownIt("commonmark", {"html": False, "maxNesting": 20}).enable(["table", "strikethrough"])


_plain = _parser()
_noted = _parser().use(footnote_plugin, inline=False)


def render(text: str) -> SafeString:
    """The card as HTML made only of TAGS, its headings below the page's own; wide tables and code scroll
    in boxes of their own.

    HTML in the card is shown as text, images become their description, links may only lead to
    http, https and mailto and hand nothing on. A card beyond LIMIT_CHARACTERS is cut.
    """
    body = FRONT_MATTER.sub("", text[:LIMIT_CHARACTERS], count=1)
    markdown = _noted if 0 < body.count("[^") <= MOST_NOTES else _plain
    tokens = markdown.parse(body if markdown is _noted else body.replace("[^", "\\[^"))
    for token in tokens:
        if token.type in {"heading_open", "heading_close"}:
            token.tag = f"h{min(int(token.tag[1]) + 2, 6)}"
        for child in token.children or ():
            if child.type == "image":
                child.type, child.content = "text", f"[image: {child.content}]"
    _plain_empty_headings(tokens)
    html = markdown.renderer.render(tokens, markdown.options, {})
    return SafeString(_boxed(clean(html)))


def _mark(note: int, which: int) -> str:
    return f"card-mark-{note + 1}" + (f"-{which + 1}" if which else "")


def _render_mark(self: object, tokens: Sequence[Token], place: int, *rest: object) -> str:
    meta = tokens[place].meta
    mark, number = _mark(meta["id"], meta["subId"]), meta["id"] + 1
    link = f'<a id="{mark}" href="#card-note-{number}" aria-label="Footnote {number}">{number}</a>'
    return f"<sup>{link}</sup>"


def _render_way_back(self: object, tokens: Sequence[Token], place: int, *rest: object) -> str:
    meta = tokens[place].meta
    mark, number = _mark(meta["id"], meta["subId"]), meta["id"] + 1
    return f' <a href="#{mark}" aria-label="Back to where footnote {number} is">\u21a9</a>'


def _constant(html: str) -> Callable[..., str]:
    return lambda *_: html


_noted.add_render_rule("footnote_ref", _render_mark)
_noted.add_render_rule("footnote_anchor", _render_way_back)
_noted.add_render_rule("footnote_block_open", _constant("<hr><ol>"))
_noted.add_render_rule("footnote_block_close", _constant("</ol>"))
_noted.add_render_rule(
    "footnote_open", lambda self, tokens, at, *_: f'<li id="card-note-{tokens[at].meta["id"] + 1}">'
)
_noted.add_render_rule("footnote_close", _constant("</li>"))


def _boxed(html: str) -> str:
    """Clean HTML whose tables and code can be scrolled sideways, with the keyboard too."""
    tables, codes = count(1), count(1)
    box = '<div class="scroll" tabindex="0" role="region" aria-label="Table {} of the card">'
    html = re.sub("<table>", lambda _: box.format(next(tables)) + "<table>", html)
    code = '<pre tabindex="0" role="region" aria-label="Code {} of the card">'
    html = re.sub("<pre>", lambda _: code.format(next(codes)), html)
    return html.replace("</table>", "</table></div>")


def _plain_empty_headings(tokens: list[Token]) -> None:
    """A table heading without words is a plain cell: a screen reader would announce nothing."""
    for opening, inline, closing in zip(tokens, tokens[1:], tokens[2:], strict=False):
        if opening.type == "th_open" and not inline.content.strip():
            opening.tag = closing.tag = "td"


def clean(html: str) -> str:
    """Only TAGS, no attribute but a link's and ids of ours, no scheme that acts. Does not trust the renderer
    above."""
    return nh3.clean(
        html,
        tags=TAGS,
        attributes={"a": {"href", "title", "id", "aria-label"}, "li": {"id"}, "ol": {"start"}},
        attribute_filter=_known,
        url_schemes={"http", "https", "mailto"},
        link_rel="noopener noreferrer nofollow",
    )


def _known(tag: str, attribute: str, value: str) -> str | None:
    return value if attribute != "id" or OURS.fullmatch(value) else None
