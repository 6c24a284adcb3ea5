"""`[providers.NAME.quirks]`: in what one configured server departs from the API it speaks."""

from __future__ import annotations

from dataclasses import dataclass

from omen.config._section import Section
from omen.config._values import Flag, FlagOrOpened, Names, ReasoningBack, TokenLimit
from omen.core.candidates import Quirks


@dataclass(frozen=True, slots=True, kw_only=True)
class QuirkSettings(Section):
    """In what a server departs from the API it speaks."""

    token_limit: TokenLimit | None = None
    """What the limit of generated tokens is called. None: as the model is known to want it."""
    stream: Flag = True
    """Whether it may be asked for a stream; else each answer comes whole."""
    stream_usage: Flag = True
    """Whether it takes `stream_options.include_usage`."""
    developer_role: Flag | None = None
    """Whether it knows the role `developer`; else such messages are sent as `system`. None: as its
    kind does, and `openai_compatible` does not."""
    think_tags: FlagOrOpened = False
    """Whether its reasoning comes inside the text, between `<think>` and `</think>`. `"opened"`:
    the opening tag stands in the prompt, and answers begin inside the reasoning."""
    reasoning_back: ReasoningBack | None = None
    """When reasoning goes back with the assistant's messages: with those that call tools, always
    or never. None: `with_calls` for `openai_compatible`, `never` for the others."""
    vendor_fields: Flag | None = None
    """Whether a message may have fields that only some vendors know, such as the signatures of
    thoughts. None: unless it is known to refuse them."""
    cache_control: Flag | None = None
    """Whether parts of a prompt may be marked for its cache by `cache_control`. None: where it is
    not known to refuse that."""
    cancel_stops_billing: Flag | None = None
    """Whether it stops generating, and billing, when its client leaves. None: as its kind does."""
    drop: Names = ()
    """Fields of a request that it refuses, and that are left out."""

    def quirks(self, api_version: str | None) -> Quirks:
        """Return them as the rest of OMEN knows them."""
        return Quirks(
            api_version=api_version,
            token_limit=self.token_limit,
            stream=self.stream,
            stream_usage=self.stream_usage,
            developer_role=self.developer_role,
            think_tags=self.think_tags,
            reasoning_back=self.reasoning_back,
            vendor_fields=self.vendor_fields,
            cache_control=self.cache_control,
            cancel_stops_billing=self.cancel_stops_billing,
            drop=frozenset(self.drop),
        )
