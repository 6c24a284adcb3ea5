"""The content blocks of Anthropic's API as parts of the vocabulary. Pure.

To an Anthropic upstream a request goes word for word. Here is what other vendors are sent: text,
pictures and documents. A block that only points at something (a tool that was found, a result of a
search) becomes the words it stands for. What a vendor's own tools did is a record for that vendor
and is left out, as reasoning is.

**Source.** docs.anthropic.com: citations and search results, tool search, PDF support, server
tools, context editing; read 2026-11-30.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from omen.core.chat import FilePart, ImagePart, Opaque, Part, TextPart
from omen.front.anthropic.schema import BlockIn, DocumentIn, ImageIn, OtherBlockIn, SourceIn, TextIn

DIALECT = "anthropic"
_PARAGRAPH = "\n\n"


def parts_of(block: BlockIn) -> Iterator[Part]:
    """Yield the parts of a block of the user's, of the system text or of a tool's result."""
    match block:
        case TextIn(text=text):
            yield TextPart(text, cache_mark(block))
        case ImageIn(source=source):
            url = _url(source)
            yield _opaque(block) if url is None else ImagePart(url, extras=cache_mark(block))
        case DocumentIn():
            yield from _document(block)
        case OtherBlockIn(type="tool_reference"):
            name = (block.model_extra or {}).get("tool_name")
            yield TextPart(f"The tool {name} can be called now.")
        case OtherBlockIn(type="search_result"):
            yield TextPart(_search_result(block.model_extra or {}), cache_mark(block))
        case _:
            yield _opaque(block)


def own_parts_of(block: BlockIn) -> Iterator[Part]:
    """Yield the parts of a block that an assistant wrote; records of a vendor's tools have none."""
    match block:
        case OtherBlockIn(type="compaction"):
            if isinstance(summary := (block.model_extra or {}).get("content"), str):
                yield TextPart(summary)
        case OtherBlockIn():
            return
        case _:
            yield from parts_of(block)


def _document(block: DocumentIn) -> Iterator[Part]:
    source, about = block.source, _paragraphs(block.title, (block.model_extra or {}).get("context"))
    content = (source.model_extra or {}).get("content")
    if source.type == "text" and source.data is not None:
        yield TextPart(_paragraphs(about, source.data), cache_mark(block))
    elif source.type == "content" and isinstance(content, str):
        yield TextPart(_paragraphs(about, content), cache_mark(block))
    elif source.type == "content" and isinstance(content, list):
        yield TextPart(_paragraphs(about, *_texts(content)), cache_mark(block))
        yield from (part for inner in content for part in _picture(inner))
    elif (url := _url(source)) is not None:
        yield FilePart(url, block.title, cache_mark(block))
    else:
        yield _opaque(block)


def _picture(inner: Any) -> Iterator[Part]:
    if isinstance(inner, Mapping) and inner.get("type") == "image":
        yield from parts_of(ImageIn.model_validate(inner))


def _search_result(said: Mapping[str, Any]) -> str:
    content = said.get("content")
    texts = _texts(content) if isinstance(content, Sequence) else ()
    return _paragraphs(said.get("title"), said.get("source"), *texts)


def _texts(content: Sequence[Any]) -> Iterator[Any]:
    yield from (inner.get("text") for inner in content if isinstance(inner, Mapping))


def _paragraphs(*texts: Any) -> str:
    return _PARAGRAPH.join(text for text in texts if isinstance(text, str) and text)


def _url(source: SourceIn) -> str | None:
    """Return a picture or a document as a URL; None for one that is kept at the vendor."""
    if source.type == "url":
        return source.url
    if source.type == "base64" and source.media_type and source.data is not None:
        return f"data:{source.media_type};base64,{source.data}"
    return None


def cache_mark(block: BlockIn) -> Mapping[str, Any]:
    """Return the mark for the cache of a prompt, for providers that take it."""
    mark = (block.model_extra or {}).get("cache_control")
    return {} if mark is None else {"cache_control": mark}


def _opaque(block: BlockIn) -> Opaque:
    return Opaque(block.model_dump(exclude_unset=True), dialect=DIALECT)
