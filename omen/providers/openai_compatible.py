"""Any server that speaks chat completions: vLLM, llama.cpp, LM Studio, Groq, OpenRouter and others.

They know the classic field names, so those are what they get. Nobody promises that such a server
stops generating, and billing, when its client leaves.

**Source.** the servers' own references, and their streams as observed, read 2026-11-22.
"""

from __future__ import annotations

from omen.providers.chat_completions.api import classify, decoder, encode
from omen.providers.chat_completions.embeddings import OPENAI_EMBEDDINGS
from omen.providers.chat_completions.listing import list_request, read_list
from omen.providers.shared.addresses import is_private
from omen.providers.spec import Listing, ProviderSpec, Setup, Terms

SPEC = ProviderSpec(
    name="openai_compatible",
    framing="sse",
    encode=encode,
    decoder=decoder,
    classify=classify,
    setup=Setup(needs_key=False, has_quirks=True),
    listing=Listing(request=list_request, read=read_list, is_optional=True),
    embedder=OPENAI_EMBEDDINGS,
    terms=Terms(is_local=is_private),
)
