"""The paths of Azure OpenAI, as its clients ask them.

A deployment is what is a model elsewhere: `/openai/deployments/NAME/chat/completions` is
`/v1/chat/completions` with NAME for the model. Azure's newer paths name the model in the body.
`api-version` says nothing here: the newest form of each API is the only one.

**Source.** learn.microsoft.com, Azure OpenAI data plane, 2024-10-21 and v1; openai 3.54
`lib/azure.py`; read 2026-11-30.
"""

from __future__ import annotations

import re
from dataclasses import replace
from functools import partial
from typing import Any

from omen.core.json_reading import read_json
from omen.core.json_writing import json_pieces
from omen.front.http.asgi import App
from omen.front.http.chat_route import ChatRoute
from omen.front.http.post_route import Incoming, PostRoute, Work

_DEPLOYMENT = re.compile(
    r"/openai/deployments/(?P<name>.+?)/(?P<rest>(?:chat/)?completions|embeddings)"
)
_PREFIX = "/openai/"


def openai_path(path: str) -> tuple[str, str | None] | None:
    """Return the path at OpenAI of one at Azure, and the deployment in it; None for any other."""
    if (found := _DEPLOYMENT.fullmatch(path)) is not None:
        return f"/v1/{found['rest']}", found["name"]
    if not path.startswith(_PREFIX):
        return None
    return "/v1/" + path.removeprefix(_PREFIX).removeprefix("v1/"), None


def with_model(body: bytes, name: str) -> bytes:
    """Return a request's body with this model; one that is no object stays, to be refused."""
    try:
        said: Any = read_json(body)
    except ValueError:
        return body
    if not isinstance(said, dict):
        return body
    return b"".join(json_pieces({**said, "model": name}))


def for_deployment(route: App, name: str) -> App:
    """Return a route whose requests are for one deployment, whatever model their bodies name."""
    match route:
        case ChatRoute():
            return replace(route, adapt=partial(with_model, name=name))
        case PostRoute(prepare=prepare):

            def prepare_for(incoming: Incoming) -> Work:
                return prepare(replace(incoming, body=with_model(incoming.body, name)))

            return replace(route, prepare=prepare_for)
    return route
