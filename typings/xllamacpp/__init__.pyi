from typing import Any

__version__: str

class CommonAdapterLoraInfo:
    path: str
    scale: float

class CommonParams:
    def __getattr__(self, name: str) -> Any: ...
    def __setattr__(self, name: str, value: Any) -> None: ...

class Server:
    listening_address: str
    def __init__(self, params: CommonParams) -> None: ...
    def handle_chat_completions(self, request: str | dict[str, Any]) -> Any: ...
