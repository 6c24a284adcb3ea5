"""The chat template of the tests' model, in Jinja. `THINKS` is written `true` or `false`."""

TEMPLATE = """\
{%- if tools %}<|system|>Tools at hand:
{% for tool in tools %}{{ tool | tojson }}
{% endfor %}A call is written so:
<tool_call>
{"name": "…", "arguments": {}}
</tool_call><|end|>{% endif %}
{%- for message in messages %}
{%- if message.role == "assistant" %}<|reply|>
{%- if message.reasoning_content %}<think>{{ message.reasoning_content }}</think>{% endif %}
{{- message.content if message.content else "" }}
{%- for call in message.tool_calls or [] %}<tool_call>
{"name": "{{ call.function.name }}", "arguments": {{ call.function.arguments | tojson }}}
</tool_call>
{%- endfor %}
{%- else %}<|{{ message.role }}|>{{ message.content }}
{%- endif %}<|end|>
{%- endfor %}
{%- if add_generation_prompt %}<|reply|>
{%- if tools and messages[-1].role == "user" %}<|act|>{% endif %}
{%- if THINKS %}<think>{% endif %}
{%- endif %}"""
