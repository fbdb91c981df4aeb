# Only what examples/local_model uses of a library that ships no types.

class CommonParamsModel:
    path: str

class CpuParams:
    n_threads: int

class CommonParams:
    model: CommonParamsModel
    model_alias: set[str]
    hostnames: list[str]
    port: int
    n_ctx: int
    n_parallel: int
    cache_prompt: bool
    cpuparams: CpuParams
    cpuparams_batch: CpuParams
    endpoint_slots: bool
    ui: bool
    verbosity: int

class Server:
    listening_address: str

    def __init__(self, params: CommonParams) -> None: ...
