"""The gateways that are compared: how each is installed, configured, started and called.

They come from their registries into a scratch folder, in the versions that these have. All are
configured to do the least that they can: one model, one upstream, no logs to disk where there is a
choice. OMEN runs as it does for users: with a key, the ledger, metrics and scores.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

_KEY = "sk-bench"
_NO_MASTER_KEY = "LITELLM_DANGEROUSLY_PERMIT_WEAK_OR_UNSET_MASTER_KEY"
"""Without it LiteLLM does not start without keys, which would make it do more."""


@dataclass(frozen=True, slots=True)
class Peer:
    """One gateway. `{…}` in texts are `scratch`, `folder`, `port` and `upstream` (an origin)."""

    name: str
    pip: Sequence[str] = ()
    npm: Sequence[str] = ()
    command: Sequence[str] = ()
    files: Mapping[str, str] = field(default_factory=dict)
    environment: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    model: str = "m"
    path: str = "/v1/chat/completions"
    version_of: str = ""
    """The package that names the version."""
    announces: bool = False
    """Whether it chooses its port and prints its address, instead of taking one."""

    def request(self, port: int, *, stream: bool, key: str | None = None) -> bytes:
        """Return the bytes of a request."""
        content: dict[str, Any] = {
            "model": self.model,
            "messages": [{"role": "user", "content": "hello"}],
        }
        body = json.dumps(
            {**content, **({"stream": True} if stream else {})}, separators=(",", ":")
        )
        headers = {
            "host": f"127.0.0.1:{port}",
            "content-type": "application/json",
            "authorization": f"Bearer {key or _KEY}",
            **self.headers,
            "content-length": str(len(body)),
        }
        head = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        return f"POST {self.path} HTTP/1.1\r\n{head}\r\n{body}".encode("ascii")


_NGINX = """
daemon off; master_process off; pid nginx.pid; error_log stderr crit;
events {{}}
http {{
    access_log off;
    upstream up {{ server {address}; keepalive 64; keepalive_requests 100000000; }}
    server {{
        listen 127.0.0.1:{port}; keepalive_requests 100000000;
        location / {{
            proxy_pass http://up; proxy_http_version 1.1; proxy_set_header connection "";
            proxy_buffering off;
        }}
    }}
}}
"""
_OMEN = """
[server]
bind = "127.0.0.1"
port = {port}
[providers.up]
kind = "openai_compatible"
base_url = "{upstream}/v1"
models = ["m"]
"""
_LITELLM = """
model_list:
  - model_name: m
    litellm_params: {{model: openai/m, api_base: "{upstream}/v1", api_key: sk}}
"""
_LM_PROXY = """
host = "127.0.0.1"
port = {port}
[connections.up]
api_type = "open_ai"
api_base = "{upstream}/v1/"
api_key = "sk"
[routing]
"*" = "up.*"
[groups.default]
api_keys = ["sk-bench"]
"""
_TENSORZERO = """
[gateway]
observability.enabled = false
[models.m]
routing = ["up"]
[models.m.providers.up]
type = "openai"
model_name = "m"
api_base = "{upstream}/v1/"
api_key_location = "none"
"""
# The wheel has the server, and starts it for a client of OpenAI's SDK.
_TENSORZERO_SERVER = """
import threading, warnings
warnings.simplefilter("ignore")
import openai, tensorzero
client = openai.OpenAI(api_key="none")
client = tensorzero.patch_openai_client(client, config_file="tensorzero.toml", async_setup=False)
print(client.base_url, flush=True)
threading.Event().wait()
"""
_PYTHON = "{scratch}/bin/python"


def peers(python: str) -> Sequence[Peer]:
    """Return all gateways. `python` runs OMEN."""
    portkey = "{scratch}/node_modules/@portkey-ai/gateway/build/start-server.js"
    return (
        Peer("nginx", command=["nginx", "-p", "{folder}", "-c", "nginx.conf"],
             files={"nginx.conf": _NGINX}),
        Peer("OMEN", command=[python, "-m", "omen.cli.main", "serve"], files={"omen.toml": _OMEN}),
        Peer("TensorZero", pip=["tensorzero", "openai"], version_of="tensorzero",
             command=[_PYTHON, "server.py"], announces=True, model="tensorzero::model_name::m",
             path="/openai/v1/chat/completions",
             files={"tensorzero.toml": _TENSORZERO, "server.py": _TENSORZERO_SERVER}),
        Peer("Portkey", npm=["@portkey-ai/gateway"], version_of="@portkey-ai/gateway",
             command=["node", portkey, "--port={port}", "--headless"],
             environment={"TRUSTED_CUSTOM_HOSTS": "127.0.0.1,localhost"},
             headers={"x-portkey-provider": "openai",
                      "x-portkey-custom-host": "{upstream}/v1"}),
        Peer("lm-proxy", pip=["lm-proxy"], version_of="lm-proxy",
             command=["{scratch}/bin/lm-proxy", "--config", "lm.toml"],
             files={"lm.toml": _LM_PROXY}),
        Peer("LiteLLM", pip=["litellm[proxy]"], version_of="litellm",
             command=["{scratch}/bin/litellm", "--config", "litellm.yaml", "--host", "127.0.0.1",
                      "--port", "{port}"],
             files={"litellm.yaml": _LITELLM},
             environment={"LITELLM_LOG": "ERROR", _NO_MASTER_KEY: "true"}),
    )  # fmt: skip


Fill = Callable[[str], str]


def filling(scratch: Path, folder: Path, port: int, upstream_port: int) -> Fill:
    """Return a function that fills in a text of a `Peer`."""
    address = f"127.0.0.1:{upstream_port}"
    values = {
        "scratch": str(scratch),
        "folder": str(folder),
        "port": str(port),
        "address": address,
        "upstream": f"http://{address}",
    }
    return lambda text: text.format(**values) if "{" in text else text
