"""magentic: a prompt function, a stream, a function to call, a typed output.

It reads annotations as values, so they must not be texts.
"""

from magentic import FunctionCall, OpenaiChatModel, StreamedStr, prompt
from pydantic import BaseModel
from report import MODEL, URL, report

CHAT = OpenaiChatModel(MODEL, base_url=f"{URL}/v1", api_key="none")


class Trip(BaseModel):
    """What a structured answer has."""

    city: str
    days: int


def weather(city: str) -> str:
    """Return the weather of a city."""
    return "sunny"


@prompt("Why is the {thing} blue?", model=CHAT)
def why(thing: str) -> str: ...


@prompt("Why is the {thing} blue?", model=CHAT)
def told(thing: str) -> StreamedStr: ...


@prompt("The weather?", functions=[weather], model=CHAT)
def called() -> FunctionCall[str]: ...


@prompt("Two days in a town", model=CHAT)
def planned() -> Trip: ...


def chat() -> None:
    assert why("sky")


def stream() -> None:
    assert len(list(told("sky"))) > 1


def tools() -> None:
    assert called()() == "sunny"


def structured() -> None:
    assert isinstance(planned(), Trip)


report(chat, stream, tools, structured)
