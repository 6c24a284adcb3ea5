"""Which kind of OMEN serves a LiteLLM model, and at which address.

**Source.** docs.litellm.ai/docs/providers and `get_llm_provider` of litellm 1.110.2, read
2026-12-01.
"""

from __future__ import annotations

from dataclasses import dataclass

from omen.cli._litellm._values import is_name
from omen.cli._vendors import VENDORS
from omen.routing.models.cards import load_book

_KINDS = {
    "openai": "openai",
    "azure": "azure",
    "anthropic": "anthropic",
    "xai": "xai",
    "ollama": "ollama",
    "ollama_chat": "ollama",
}
_VARIABLES = {
    "openai": "OPENAI_API_KEY",
    "azure": "AZURE_API_KEY",
    "anthropic": "ANTHROPIC_API_KEY",
    "xai": "XAI_API_KEY",
}
"""The variables that LiteLLM reads where an entry has no key."""
_SERVERS = {
    "hosted_vllm": "vllm",
    "openai_like": "compatible",
    "custom_openai": "compatible",
    "lm_studio": "lm-studio",
    "llamafile": "llamafile",
    "litellm_proxy": "litellm",
    "docker_model_runner": "docker",
    "xinference": "xinference",
    "featherless_ai": "featherless",
    "deepinfra": "deepinfra",
    "databricks": "databricks",
    "nebius": "nebius",
    "hyperbolic": "hyperbolic",
    "novita": "novita",
    "lambda_ai": "lambda",
    "friendliai": "friendli",
    "github": "github",
    "dashscope": "dashscope",
    "volcengine": "volcengine",
    "baseten": "baseten",
    "meta_llama": "meta",
    "vercel_ai_gateway": "vercel",
}
"""Servers and vendors with chat completions whose address must be in the entry."""
_BEGINNINGS = {
    "gpt-": "openai",
    "chatgpt-": "openai",
    "o1": "openai",
    "o3": "openai",
    "o4": "openai",
    "text-embedding-": "openai",
    "claude-": "anthropic",
}
_WITHOUT = {
    "bedrock": "Amazon Bedrock signs its requests",
    "bedrock_converse": "Amazon Bedrock signs its requests",
    "sagemaker": "Amazon SageMaker signs its requests",
    "sagemaker_chat": "Amazon SageMaker signs its requests",
    "vertex_ai": "Vertex AI wants short-lived tokens of Google Cloud; gemini/ is the same model",
    "vertex_ai_beta": "Vertex AI wants short-lived tokens of Google Cloud",
    "azure_ai": "write it as kind azure (endpoint) or openai_compatible (base_url)",
    "text-completion-openai": "OMEN has no upstream of the old completions API",
    "vllm": "LiteLLM runs this model in its own process; serve it and use hosted_vllm/",
}
_SUB_PATHS = ("responses/", "o_series/", "chat/", "converse/")
"""What stands between LiteLLM's prefix and the model to choose an API. OMEN chooses itself."""


@dataclass(frozen=True, slots=True)
class Upstream:
    """Where a model is."""

    kind: str
    model: str
    name: str
    """A name for the provider."""
    base_url: str | None = None
    """The address, if the vendor has one; None: the kind's own, or the entry's."""
    variable: str | None = None
    """The variable that holds the key, if the entry has none."""
    needs_url: bool = False


def upstream_of(model: str, provider: str | None) -> Upstream | str:
    """Return where `litellm_params.model` is, or why OMEN cannot serve it.

    `provider` is the entry's `custom_llm_provider`, which overrides the prefix.
    """
    prefix, rest = _split(model, provider)
    if prefix in _WITHOUT:
        return f"no kind for {prefix}: {_WITHOUT[prefix]}"
    if not prefix:
        return "no provider in front of the model, and the name is not known"
    if not is_name(rest):
        return "it names no model"
    if prefix in _KINDS:
        return Upstream(_KINDS[prefix], rest, _KINDS[prefix], variable=_VARIABLES.get(prefix))
    for vendor in VENDORS:
        if prefix in (vendor.name, *vendor.prefixes):
            return Upstream(
                "openai_compatible", rest, vendor.name, vendor.base_url, vendor.variables[0]
            )
    if prefix in _SERVERS:
        return Upstream("openai_compatible", rest, _SERVERS[prefix], needs_url=True)
    return (
        "no kind for this provider; if it speaks OpenAI's API, add it as openai_compatible "
        "with its base_url"
    )


def _split(model: str, provider: str | None) -> tuple[str, str]:
    """Return the provider and its own name of the model."""
    prefix, slash, rest = model.partition("/")
    if provider is not None:
        prefix, rest = provider, rest if prefix == provider and slash else model
    elif not slash:
        prefix, rest = _guessed(model), model
    for part in _SUB_PATHS if prefix in _KINDS else ():
        rest = rest.removeprefix(part)
    return prefix, rest


def _guessed(model: str) -> str:
    """Return the provider of a name without prefix, as LiteLLM guesses it; empty: not known."""
    kinds = {kind for kind, name in load_book() if name == model}
    if len(kinds) == 1:
        return kinds.pop()
    return next((kind for start, kind in _BEGINNINGS.items() if model.startswith(start)), "")
