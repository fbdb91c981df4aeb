"""What the source of the agent reaches: its imports, and what it uses of each library that could do more than read.

1. Every module below `agent` counts, imported or not.
2. What is not listed here is a complaint: a new import, a new kind of tool or model, another method of a library, a file opened.
"""

import ast
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

STANDARD: Final = frozenset({
    "asyncio", "collections", "contextlib", "dataclasses", "enum", "functools", "hashlib", "ipaddress", "itertools", "json", "logging", "math", "re",
    "ssl", "time", "typing", "unicodedata", "urllib.parse",
})  # fmt: skip
LIBRARIES: Final[Mapping[str, frozenset[str]]] = {  # where else a library may be imported: only there
    "socket": frozenset({"agent.tools.network"}),  # names of constants, and the resolver's answer
    "aiohttp": frozenset({"agent.tools.http_get", "agent.tools.network"}),
    "yarl": frozenset({"agent.tools.http_get"}),
    "httpx2": frozenset({"agent.tools.mcp_door", "agent.tools.mcp_tool", "agent.models.bounded_http", "agent.models.openai_chat"}),
    "openai": frozenset({"agent.models.openai_chat"}),
    "mcp": frozenset({"agent.tools.mcp_tool", "agent.tools.mcp_listing"}),
    "jsonschema_rs": frozenset({"agent.tools.spec"}),
    "pydantic": frozenset({"agent.tools.mcp_tool"}),
}
USED: Final[Mapping[str, frozenset[str]]] = {  # by the name a thing has in the source: all that is ever used of it
    "session": frozenset({"discover", "initialize", "list_tools", "call_tool", "request"}),  # of MCP; `request` is the GET of aiohttp
    "self._client": frozenset({"chat", "close"}),  # of the model SDK
    "self._client.chat": frozenset({"completions"}),
    "self._completions": frozenset({"create"}),
    "aiohttp": frozenset({
        "ClientError", "ClientHandlerType", "ClientRequest", "ClientResponse", "ClientSession", "DummyCookieJar", "ServerDisconnectedError",
        "TCPConnector",
    }),
}  # fmt: skip
HANDS: Final = frozenset({"open", "exec", "eval", "compile", "__import__", "globals", "setattr", "delattr", "input", "breakpoint"})
TOOL_KINDS: Final = frozenset({"HttpTool", "McpTool", "_Remembered", "Tool", "PinnedTool"})  # the last two are protocols
MODEL_KINDS: Final = frozenset({"OpenAIChat", "ScriptedModel", "Turns", "Model"})  # the last is a protocol


def modules(root: Path) -> dict[str, ast.Module]:
    """Every module of the agent, by name: all of them, since any may be imported by a name made at run time."""
    found = {}
    for path in sorted((root / "agent").rglob("*.py")):
        name = ".".join(path.relative_to(root).with_suffix("").parts).removesuffix(".__init__")
        found[name] = ast.parse(path.read_text())
    return found


def complaints(root: Path) -> Iterator[str]:
    """One line for each thing that is reached and not listed."""
    for name, tree in modules(root).items():
        yield from _imports(name, tree)
        for node in ast.walk(tree):
            yield from _node(name, node)


def _imports(module: str, tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.level:
            yield f"{module} imports by position: write the whole name"
        names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else [node.module or ""] if isinstance(node, ast.ImportFrom) else []
        for name in names:
            top = name.partition(".")[0]
            at_home = top == "agent" or name in STANDARD or top in STANDARD - {"urllib"} or module in LIBRARIES.get(top, ())
            if not at_home:
                yield f"{module} imports {name}, which the agent does not reach"


def _node(module: str, node: ast.AST) -> Iterator[str]:
    if isinstance(node, ast.Name) and node.id in HANDS:
        yield f"{module} names {node.id}"
    if isinstance(node, ast.Attribute):
        owner = ast.unparse(node.value)
        if owner in USED and node.attr not in USED[owner]:
            yield f"{module} uses {owner}.{node.attr}"
    if isinstance(node, ast.ClassDef):
        does = {made.name for made in node.body if isinstance(made, ast.AsyncFunctionDef)}
        if "call" in does and node.name not in TOOL_KINDS:
            yield f"{module} has a tool kind {node.name}"
        if "ask" in does and node.name not in MODEL_KINDS:
            yield f"{module} has a model kind {node.name}"
    if isinstance(node, ast.keyword) and node.arg in {"allow_redirects", "follow_redirects", "trust_env"} and ast.unparse(node.value) != "False":
        yield f"{module} says {node.arg}={ast.unparse(node.value)}"
