"""Keys of LiteLLM's settings that need no translation: what OMEN has instead, or why not.

**Source.** docs.litellm.ai/docs/proxy/config_settings and the types of litellm 1.110.2, read
2026-12-01.
"""

from __future__ import annotations

from omen.cli._litellm._account import Outcome
from omen.cli._litellm._known import PARAMS, Notes, all_of

_TRACES = "no such callback: see the log, /metrics and the ledger (docs/operations.md)"
_RETRY = PARAMS["num_retries"]
_BREAKER: tuple[Outcome, str] = (
    "differs",
    "built in: a circuit breaker by endpoint, and the vendor's own pauses (docs/routing.md)",
)
_STORE = "every attempt has a row in the ledger; ledger.keep_days deletes old ones"

ROUTER: Notes = {
    "routing_strategy": (
        "differs",
        "OMEN always ranks by latency, price and errors; race.strategy says how many to start",
    ),
    **all_of(
        "differs",
        "the score has fixed weights; callers send priority_weights",
        "routing_strategy_args weights",
    ),
    **all_of(*_RETRY, "num_retries max_retries retry_policy retry_after"),
    **all_of(*_RETRY, "model_group_retry_policy max_fallbacks"),
    **all_of(*_BREAKER, "allowed_fails allowed_fails_policy cooldown_time"),
    **all_of(*_BREAKER, "disable_cooldowns enable_health_check_routing"),
    "enable_pre_call_checks": ("mapped", "always: the length of the prompt and the abilities"),
    "optional_pre_call_checks": ("differs", "prompt caches and sessions are kept warm by itself"),
    "enable_tag_filtering": PARAMS["tags"],
    "tag_filtering_match_any": PARAMS["tags"],
    "redis_port": ("mapped", "cache.redis_url"),
    "cache_responses": ("differs", "cache.enabled keeps answers"),
    "provider_budget_config": ("differs", "routing.provider_soft_limits, in percent of the budget"),
    "default_max_parallel_requests": ("differs", "max_concurrency of a provider (256)"),
    "default_priority": ("none", "requests have no priorities"),
    "polling_interval": ("none", "requests have no priorities"),
    "client_ttl": ("none", "connections are kept and renewed by themselves"),
    "set_verbose": ("differs", "log.levels, or omen serve -v"),
    "debug_level": ("differs", "log.levels, or omen serve -v"),
    "assistants_config": ("none", "there is no route for assistants"),
    "router_general_settings": ("none", "it is of LiteLLM's own workings"),
    "ignore_invalid_deployments": (
        "differs",
        "a provider without its key is disabled with a warning",
    ),
}

LITELLM: Notes = {
    **all_of(*_RETRY, "num_retries allowed_fails"),
    "drop_params": PARAMS["drop_params"],
    "modify_params": PARAMS["drop_params"],
    "set_verbose": ROUTER["set_verbose"],
    "suppress_debug_info": ROUTER["set_verbose"],
    "turn_off_message_logging": ("mapped", "always: prompts and answers are in no log"),
    "redact_messages_in_exceptions": ("mapped", "always: prompts and answers are in no error"),
    "redact_user_api_key_info": ("differs", "the log has the id of a key, never the key"),
    **all_of(
        "none",
        _TRACES,
        "langfuse_default_tags langfuse_public_key langfuse_secret",
    ),
    **all_of(
        "none",
        _TRACES,
        "callback_settings service_callback s3_callback_params",
    ),
    "ssl_verify": ("none", "certificates are always verified; SSL_CERT_FILE adds an authority"),
    "ssl_certificate": ("none", "no certificate of a client is sent to a vendor"),
    "force_ipv4": ("none", "addresses are tried in turn (RFC 8305)"),
    "telemetry": ("mapped", "OMEN sends nothing home"),
    "default_team_settings": ("none", "there are no teams; omen keys create has limits by key"),
    "default_internal_user_params": ("none", "there are no users, only keys"),
    "default_key_generate_params": ("none", "omen keys create has limits by key"),
    "upperbound_key_generate_params": ("none", "omen keys create has limits by key"),
    "max_internal_user_budget": ("none", "there are no users, only keys"),
    "internal_user_budget_duration": ("none", "there are no users, only keys"),
    "guardrails": ("none", "there are no guardrails; put one before or behind OMEN"),
    "public_model_groups": ("none", "every caller sees the models that its key allows"),
    "enable_json_schema_validation": ("differs", "the vendors hold answers to the schema"),
    "return_response_headers": ("mapped", "always: the x-omen headers"),
    "forward_traceparent_to_llm_provider": ("none", _TRACES),
    "custom_provider_map": (
        "differs",
        "a kind of one's own is a package (docs/write-a-provider.md)",
    ),
    "cost_discount_config": ("differs", "providers.NAME.prices"),
    "cost_margin_config": ("none", "costs are what the vendor bills"),
    "tag_budget_config": ("none", "there are no tags"),
    "budget_duration": ("differs", "a calendar month (UTC)"),
    "key_generation_settings": ("none", "keys are made by omen keys create"),
}

GENERAL: Notes = {
    **all_of(
        "differs",
        "ledger.timeout_seconds, and a spool on disk",
        "database_connection_timeout allow_requests_on_db_unavailable",
    ),
    **all_of(
        "none",
        "one connection for the ledger",
        "database_connection_pool_limit",
    ),
    **all_of(
        "none",
        "models are in omen.toml, and SIGHUP reads it again",
        "store_model_in_db store_prompts_in_spend_logs",
    ),
    **all_of(
        "none",
        _STORE,
        "disable_spend_logs disable_spend_updates maximum_spend_logs_retention_period"
        " maximum_spend_logs_retention_interval proxy_batch_write_at "
        "disable_adding_master_key_hash_to_db disable_reset_budget disable_error_logs",
    ),
    **all_of(
        "none",
        "no messages are sent; alert on /metrics (docs/metrics.md)",
        "alerting alerting_threshold alert_types alerting_args alert_to_webhook_url",
    ),
    **all_of(
        "none",
        "there is no such page; the API needs none",
        "ui_access_mode ui_username ui_password proxy_base_url docs_url redoc_url",
    ),
    **all_of(
        "none",
        "callers have keys; there is no log-in",
        "enable_jwt_auth litellm_jwtauth enable_oauth2_auth custom_auth custom_sso "
        "custom_key_generate user_header_name user_header_mappings",
    ),
    **all_of(
        "none",
        "there are no pass-through routes",
        "pass_through_endpoints",
    ),
    **all_of(
        "none",
        "every route is documented, and none can be taken away",
        "allowed_routes admin_only_routes public_routes",
    ),
    **all_of(
        "none",
        "the proxy in front of OMEN allows addresses",
        "allowed_ips",
    ),
    **all_of(
        "differs",
        "server.trusted_proxies",
        "use_x_forwarded_for mcp_trusted_proxy_ranges",
    ),
    **all_of(
        "differs",
        "server.admission and providers.NAME.max_concurrency (docs/overload.md)",
        "max_parallel_requests global_max_parallel_requests "
        "max_in_flight_requests_per_worker max_queued_requests_per_worker",
    ),
    **all_of(
        "none",
        "secrets come from variables; let the manager set them",
        "key_management_system key_management_settings use_google_kms "
        "use_azure_key_vault use_aws_secret_manager",
    ),
    **all_of(
        "none",
        "an unknown name is refused with the nearest known one",
        "completion_model infer_model_from_keys",
    ),
    **all_of(
        "differs",
        "omen check tries every model; probes list models",
        "health_check_details use_shared_health_check",
    ),
    **all_of(
        "none",
        "answers are not cut by size before limits.max_answer_bytes",
        "max_response_size_mb",
    ),
    **all_of(
        "none",
        "there are no roles but caller and admin",
        "role_permissions enforce_user_param enforced_params",
    ),
    **all_of(
        "none",
        "a caller's headers never reach a vendor",
        "forward_client_headers_to_llm_api",
    ),
    **all_of(
        "none",
        "one process; start several replicas",
        "coordination_redis control_plane_url",
    ),
}

SECTIONS: Notes = {
    "environment_variables": (
        "none",
        "put them into the environment or .env; values are not copied",
    ),
    "guardrails": LITELLM["guardrails"],
    "mcp_servers": ("none", "OMEN serves models, no MCP servers"),
    "mcp_tools": ("none", "OMEN serves models, no MCP servers"),
    "include": ("none", "import each of these files on its own"),
    "vector_store_registry": ("none", "there are no vector stores"),
    "search_tools": ("none", "there are no search tools"),
    "files_settings": ("none", "there is no route for files"),
    "finetune_settings": ("none", "there is no route for fine-tuning"),
    "callback_settings": ("none", _TRACES),
    "prompts": ("none", "prompts are the callers'"),
    "agents": ("none", "OMEN serves models, no agents"),
}
