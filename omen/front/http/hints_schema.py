"""The `omen` object and the tags of a request as they come in, the same on every door.

Types are strict ("2" is not 2). Unknown hints are an error, since a misspelt one that is silently
ignored is a race that silently does not happen.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, WithJsonSchema, field_validator
from pydantic_core import PydanticCustomError

from omen.core.answer_checks import MOST_CHECKS, PATTERN_CHECKS, PLAIN_CHECKS, split_check
from omen.core.intents import INTENTS, SYNONYMS, intent_of
from omen.front.http.schema_reader import From1

Positive = Annotated[float, Field(gt=0)]


def read_intent(said: str) -> str:
    """Read an intent, or a synonym that existing clients send. **Raises.** `ValueError`."""
    intent = intent_of(said)
    if intent is None:
        raise PydanticCustomError(
            "intent", "must be one of {known}", {"known": ", ".join((*INTENTS, *SYNONYMS))}
        )
    return intent


class MergeIn(BaseModel):
    """How `parallel_merge` makes one answer of many."""

    model_config = ConfigDict(extra="forbid", strict=True)

    method: Literal["synthesize", "vote", "choices"] | None = None
    judge: str | None = None
    quorum: From1 | None = None
    risk: Annotated[float, Field(gt=0, lt=1)] | None = None


_GATE_CHECK: dict[str, Any] = {
    "type": "string",
    # No schema can say what a regular expression is. These words are some; others are taken, too.
    "pattern": f"^({'|'.join(PLAIN_CHECKS)}|({'|'.join(PATTERN_CHECKS)}):[a-z]{{1,32}})$",
    "description": "A check, or regex:PATTERN or no_regex:PATTERN with a pattern of Rust's regex.",
}


class HintsIn(BaseModel):
    """The `omen` object. Unknown keys are an error."""

    model_config = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)

    strategy: str | None = None
    k: From1 | None = None
    intent: Annotated[str, WithJsonSchema({"enum": [*INTENTS, *SYNONYMS]})] | None = None
    providers: list[str] | None = None
    budget_usd: Positive | None = None
    max_latency_ms: Positive | None = None
    total_timeout_ms: Positive | None = None
    stickiness: Literal["none", "turn", "session"] | None = None
    session_id: str | None = Field(default=None, min_length=1, max_length=512)
    priority_weights: dict[str, Positive] | None = None
    min_useful_tokens: From1 | None = None
    reasoning_counts: bool | Literal["auto"] | None = None
    gate: list[Annotated[str, WithJsonSchema(_GATE_CHECK)]] | None = Field(
        default=None, max_length=MOST_CHECKS
    )
    hedge_delay_ms: float | None = Field(default=None, ge=0)
    merge: MergeIn | None = None
    on_failure: Literal["error", "restart"] | None = None
    explain: bool | None = None
    vendor_fields: bool | None = None
    cache: bool | None = None

    @field_validator("gate")
    @classmethod
    def _read_gate(cls, said: list[str] | None) -> list[str] | None:
        for one in said or ():
            try:
                split_check(one)
            except ValueError as error:
                raise PydanticCustomError("gate", "{words}", {"words": str(error)}) from None
        return said

    @field_validator("intent")
    @classmethod
    def _read_intent(cls, said: str | None) -> str | None:
        return None if said is None else read_intent(said)


_TAGS: dict[str, Any] = {
    "type": "object",
    "properties": {"intent": {"enum": [*INTENTS, *SYNONYMS]}},
    "additionalProperties": {"type": "string"},
}
TagsIn = Annotated[dict[str, str], WithJsonSchema(_TAGS)]
"""Labels for the books. One of them, `intent`, is a hint as well."""
