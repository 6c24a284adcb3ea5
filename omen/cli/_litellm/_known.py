"""Keys of LiteLLM's entries that need no translation: what OMEN has instead, or why not.

**Source.** docs.litellm.ai/docs/proxy/config_settings and the types of litellm 1.110.2, read
2026-12-01.
"""

from __future__ import annotations

from omen.cli._litellm._account import Outcome

Notes = dict[str, tuple[Outcome, str]]

_FIXED = "OMEN sends what the caller sends; set it in the client"
_LIMIT = (
    "no limit by deployment: OMEN heeds the vendor's 429, its Retry-After and its rate-limit "
    "headers; max_concurrency bounds attempts, omen keys create --rpm --tpm bounds callers"
)
_AWS = "it belongs to Amazon Bedrock or SageMaker, of which OMEN has no kind"
_VERTEX = "it belongs to Vertex AI, of which OMEN has no kind"
_ROUTERS = 'no such router; model = "auto" chooses by intent (docs/routing.md)'
_AD = "OMEN knows keys of Azure, no Entra ID"
_ABILITY = "OMEN's catalogue says what models can do; change it with cards.abilities"


def all_of(outcome: Outcome, text: str, keys: str) -> Notes:
    """Return the same note for several keys, which are separated by space."""
    return dict.fromkeys(keys.split(), (outcome, text))


PARAMS: Notes = {
    **all_of(
        "differs",
        _LIMIT,
        "rpm tpm itpm otpm rpd tpd daily_reset_time",
    ),
    **all_of(
        "none",
        _LIMIT,
        "default_api_key_rpm_limit default_api_key_tpm_limit",
    ),
    **all_of(
        "differs",
        "no key for it: the next candidate is tried, and the last one once more "
        "(docs/strategies.md, failures)",
        "max_retries num_retries",
    ),
    **all_of(
        "differs",
        "OMEN spreads by score: latency, price, errors",
        "weight cooldown_time",
    ),
    **all_of(
        "none",
        "a budget is for all, or for a key: routing.budget_monthly_usd, omen keys",
        "max_budget budget_duration",
    ),
    **all_of(
        "none",
        _FIXED,
        "temperature top_p top_k max_tokens max_completion_tokens",
    ),
    **all_of(
        "none",
        _FIXED,
        "stop seed n presence_penalty frequency_penalty user",
    ),
    **all_of(
        "none",
        _FIXED,
        "reasoning_effort thinking extra_body response_format",
    ),
    **all_of(
        "none",
        _FIXED,
        "stream stream_options tools tool_choice logit_bias",
    ),
    **all_of(
        "none",
        "no headers of one's own are sent to a vendor",
        "extra_headers headers organization",
    ),
    **all_of(
        "differs",
        "OMEN translates or leaves out what a vendor refuses, and learns from its "
        "first refusal; quirks.drop names further fields",
        "drop_params",
    ),
    **all_of(
        "none",
        "omen sim and its profiles answer without a vendor",
        "mock_response",
    ),
    **all_of(
        "none",
        "no routing by tags; the caller's omen hints choose",
        "tags tag_regex",
    ),
    **all_of(
        "none",
        _AD,
        "azure_ad_token tenant_id client_id client_secret",
    ),
    **all_of(
        "none",
        _AD,
        "azure_scope azure_username azure_password",
    ),
    **all_of(
        "none",
        _AWS,
        "aws_access_key_id aws_secret_access_key aws_session_token",
    ),
    **all_of(
        "none",
        _AWS,
        "aws_region_name aws_session_name aws_profile_name",
    ),
    **all_of(
        "none",
        _AWS,
        "aws_role_name aws_web_identity_token aws_sts_endpoint",
    ),
    **all_of(
        "none",
        _AWS,
        "aws_bedrock_runtime_endpoint aws_external_id",
    ),
    **all_of(
        "none",
        _VERTEX,
        "vertex_project vertex_location vertex_credentials",
    ),
    **all_of(
        "none",
        "a region is part of the address",
        "region_name watsonx_region_name",
    ),
    **all_of(
        "none",
        "callers cannot bring a key or an address",
        "configurable_clientside_auth_params",
    ),
    **all_of(
        "none",
        "no pass-through routes",
        "use_in_pass_through",
    ),
    **all_of(
        "none",
        "prices are by token",
        "input_cost_per_second output_cost_per_second",
    ),
    **all_of(
        "none",
        "there is no route for files and batches",
        "max_file_size_mb gcs_bucket_name bucket_name",
    ),
    **all_of(
        "differs",
        "quirks.think_tags reads reasoning out of the text",
        "merge_reasoning_content_in_choices",
    ),
    **all_of(
        "none",
        "OMEN has its own ids of requests",
        "litellm_trace_id",
    ),
    **all_of(
        "none",
        _ROUTERS,
        "auto_router_config auto_router_config_path auto_router_default_model "
        "complexity_router_config",
    ),
}

INFO: Notes = {
    **all_of(
        "none",
        "a deployment has no id; its name is provider/model",
        "id db_model",
    ),
    **all_of(
        "none",
        "it is only shown",
        "description created_at updated_at team_public_model_name",
    ),
    **all_of(
        "none",
        "keys allow models by pattern: omen keys create --models",
        "access_groups team_id",
    ),
    **all_of(
        "differs",
        "without effect: OMEN knows the modes of models",
        "litellm_provider",
    ),
    **all_of(
        "none",
        "tiers are left out; name the alias for them",
        "tier",
    ),
    **all_of(
        "differs",
        _ABILITY,
        "supports_function_calling supports_vision supports_tool_choice",
    ),
    **all_of(
        "differs",
        _ABILITY,
        "supports_parallel_function_calling supports_response_schema",
    ),
    **all_of(
        "differs",
        _ABILITY,
        "supports_prompt_caching supports_reasoning supports_pdf_input",
    ),
    **all_of(
        "differs",
        _ABILITY,
        "supports_web_search supports_system_messages supports_native_streaming",
    ),
    **all_of(
        "none",
        "no audio",
        "supports_audio_input supports_audio_output",
    ),
    **all_of(
        "differs",
        "omen check sends its own short request",
        "health_check_model disable_background_health_check",
    ),
}
