"""The process of one llama.cpp server. Its arguments are one JSON object; its log is stderr."""

from __future__ import annotations

import json
import sys
from typing import Any

import xllamacpp


def parameters(model: str, port: int, name: str, slots: int, embeds: bool) -> Any:
    """Set what makes an answer repeatable: one thread, and no prompt kept from before."""
    chosen = xllamacpp.CommonParams()
    chosen.model.path = model
    chosen.model_alias = {name}
    chosen.hostnames, chosen.port = ["127.0.0.1"], port
    chosen.n_ctx, chosen.n_parallel, chosen.n_gpu_layers = 4096 * slots, slots, 0
    chosen.cpuparams.n_threads = chosen.cpuparams_batch.n_threads = 1
    chosen.cache_prompt, chosen.cache_ram_mib = False, 0
    chosen.use_jinja = True
    chosen.embedding = embeds
    if embeds:
        chosen.pooling_type = xllamacpp.llama_pooling_type.LLAMA_POOLING_TYPE_MEAN
    return chosen


if __name__ == "__main__":
    server = xllamacpp.Server(parameters(**json.loads(sys.argv[1])))
    print("serving", server.listening_address, flush=True)
    sys.stdin.read()  # ends with the tests, even if they are killed
