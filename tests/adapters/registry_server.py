"""A schema registry in memory that answers as a test says: the Confluent API's two paths, and every kind of fault."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson

from tests.local_server import Answering, LocalServer

if TYPE_CHECKING:
    from collections.abc import Callable
    from http.server import BaseHTTPRequestHandler

Answer = tuple[int, bytes]


class RegistryServer(LocalServer):
    """Between `with` and its end it listens; `requests` are the paths asked for, `headers` those of the last."""

    def __init__(self) -> None:
        super().__init__(self._answering())
        self.answers: dict[str, Answer] = {}
        self.faults: list[Answer | Callable[[BaseHTTPRequestHandler], None]] = []
        self.requests: list[str] = []
        self.headers: dict[str, str] = {}

    def register(self, schema_id: int, schema: str, **more: Any) -> None:
        self.answers[f"/schemas/ids/{schema_id}"] = 200, orjson.dumps({"schema": schema, **more})

    def subject(self, path: str, schema: str, **more: Any) -> None:
        self.answers[f"/subjects/{path}"] = 200, orjson.dumps({"subject": "x", "schema": schema, **more})

    def fail(self, status: int, body: Any = None) -> None:
        """The next request gets this."""
        self.faults.append((status, body if isinstance(body, bytes) else orjson.dumps(body)))

    def _answering(self) -> type[Answering]:
        registry = self

        class Schemas(Answering):
            def do_GET(self) -> None:  # noqa: N802  # http.server calls it so
                registry.requests.append(self.path)
                registry.headers = {name.lower(): text for name, text in self.headers.items()}
                unknown = 404, orjson.dumps({"error_code": 40403, "message": "Schema not found"})
                answer = registry.faults.pop(0) if registry.faults else registry.answers.get(self.path, unknown)
                if callable(answer):
                    answer(self)
                    return
                self.answer(*answer)

        return Schemas
