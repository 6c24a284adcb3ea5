"""OpenAI's Responses API, as clients speak it: the SDK, and Codex.

    _api            the dialect of POST /v1/responses
    _schema         requests as they come in; _item_schema, _tool_schema, _setting_schema: parts
    _parse          from there to the vocabulary; _verbatim: in the client's own words, for OpenAI
    _items          a conversation's items
    _tools          tools and which of them is to be called; _client_tools, _forms: which they are
    _write          an answer's events, and the response they come to; _written_items its items
    _stream         numbered events, translated or an upstream's own
    _object         the response object

No state is kept here: a request brings the whole conversation along. `omen.front.responses_socket`
speaks the same dialect over a websocket, where the socket keeps the last response.

**Source.** OpenAI's references of POST /v1/responses and its streaming events, read 2026-11-22.
"""

from omen.front.responses._api import Responses
from omen.front.responses._stream import ENDS, Piece, ResponseWriter

__all__ = ["ENDS", "Piece", "ResponseWriter", "Responses"]
