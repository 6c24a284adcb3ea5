"""Load on a chat endpoint, and what its callers saw: the harness of `omen bench`.

It shares no code with the gateway that it may measure, and imports nothing else of `omen`.

- `options`: what the texts of `--rate`, `--arm` and `--slo` mean. Pure.
- `schedule`: when each request is meant to start. Pure.
- `prompts`: what is sent. Pure but for reading the file.
- `answer`: which of an answer's events are useful. Pure.
- `results`: histograms, counts and objectives of one arm. Pure.
- `client`: one connection. It speaks HTTP/1.1 with trio and httptools, because a parser in C and a
  socket without a pool above it take the least processor time of all that OMEN depends on.
- `run`: blocks of load, open and closed loop.
- `report`: the JSON document.
"""
