"""A model that answers from a file: `python -m examples.local_model.scripted --port N --script FILE [--ready-file F]`.

1. FILE is a JSON list of step objects, e.g. `[{"action": "decide", "option": "platinum", "rationale": "the shiniest"}]`.
   They are given in order; the last one again and again. A string in the list is given as it is, so it may be no step object at all.
2. It listens on the loopback, speaks chat completions, and reports one token for every four characters.
"""

import argparse
import asyncio
import json
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

from aiohttp import web

from examples.local_model.ready import ENDING, announce, arguments

MODEL = "scripted"
_BODY_BYTES_MAX = 1 << 20


def read_script(file: Path) -> Sequence[str]:
    """The contents to answer with, or an exit that says what is wrong with the file."""
    try:
        steps = json.loads(file.read_bytes())
    except (OSError, ValueError) as error:
        sys.exit(f"{file}: cannot be read as JSON: {error}")
    if not isinstance(steps, list) or not steps or not all(isinstance(step, dict | str) for step in steps):
        sys.exit(f"{file}: must be a JSON list of at least one step object")
    return [step if isinstance(step, str) else json.dumps(step) for step in steps]


class Scripted:
    def __init__(self, contents: Sequence[str]) -> None:
        self._contents = contents
        self._given = 0

    async def complete(self, request: web.Request) -> web.Response:
        asked = await request.read()
        content = self._contents[min(self._given, len(self._contents) - 1)]
        self._given += 1
        tokens_in, tokens_out = len(asked) // 4 + 1, len(content) // 4 + 1
        choice = {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": content}}
        usage = {"prompt_tokens": tokens_in, "completion_tokens": tokens_out, "total_tokens": tokens_in + tokens_out}
        return web.json_response({"id": f"scripted-{self._given}", "object": "chat.completion", "model": MODEL, "choices": [choice], "usage": usage})


async def serve(options: argparse.Namespace) -> None:
    app = web.Application(client_max_size=_BODY_BYTES_MAX)
    app.add_routes([web.post("/v1/chat/completions", Scripted(read_script(options.script)).complete)])
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", options.port)
    try:
        await site.start()
        ended, loop = asyncio.Event(), asyncio.get_running_loop()
        for number in ENDING:
            loop.add_signal_handler(signal.Signals(number), ended.set)
        host, port = runner.addresses[0][:2]
        announce(f"http://{host}:{port}/v1", options.ready_file)
        await ended.wait()
    finally:
        await runner.cleanup()
        if options.ready_file is not None:
            options.ready_file.unlink(missing_ok=True)


def main() -> None:
    parser = arguments("A model that answers from a file.")
    parser.add_argument("--script", type=Path, required=True, help="a JSON list of step objects; the last one is repeated")
    asyncio.run(serve(parser.parse_args()))


if __name__ == "__main__":
    main()
