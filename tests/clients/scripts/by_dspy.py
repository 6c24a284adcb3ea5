"""DSPy: a prediction, a tool, a typed output.

Its streams come from signatures, whose form a simulated model does not follow.
"""

from __future__ import annotations

import dspy
from pydantic import BaseModel
from report import MODEL, URL, report

LM = dspy.LM(f"openai/{MODEL}", api_base=f"{URL}/v1", api_key="none", cache=False, num_retries=0)
dspy.configure(lm=LM)


class Trip(BaseModel):
    """What a structured answer has."""

    city: str
    days: int


def chat() -> None:
    (text,) = LM("Why is the sky blue?")
    assert text if isinstance(text, str) else text["text"]


def structured() -> None:
    """DSPy sends a schema only to models that it knows, unless it is told to."""
    (text,) = LM("Two days in a town", response_format=Trip)
    Trip.model_validate_json(text if isinstance(text, str) else text["text"])


def tools() -> None:
    def weather(city: str) -> str:
        """Return the weather of a city."""
        return "sunny"

    tool = dspy.Tool(weather)
    outputs = LM(
        messages=[{"role": "user", "content": "The weather?"}],
        tools=[tool.format_as_litellm_function_call()],
    )
    assert outputs[0]["tool_calls"][0].function.name == "weather"


report(chat, tools, structured)
