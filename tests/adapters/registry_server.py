"""A schema registry in memory that answers as a test says: the Confluent API's two paths, and every kind of fault."""

from __future__ import annotations

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, Self

import orjson

if TYPE_CHECKING:
    from collections.abc import Callable

Answer = tuple[int, bytes]


class RegistryServer:
    """Between `with` and its end it listens; `requests` are the paths asked for, `headers` those of the last."""

    def __init__(self) -> None:
        self.answers: dict[str, Answer] = {}
        self.faults: list[Answer | Callable[[BaseHTTPRequestHandler], None]] = []
        self.requests: list[str] = []
        self.headers: dict[str, str] = {}
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._answering())
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01})

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def register(self, schema_id: int, schema: str, **more: Any) -> None:
        self.answers[f"/schemas/ids/{schema_id}"] = 200, orjson.dumps({"schema": schema, **more})

    def subject(self, path: str, schema: str, **more: Any) -> None:
        self.answers[f"/subjects/{path}"] = 200, orjson.dumps({"subject": "x", "schema": schema, **more})

    def fail(self, status: int, body: Any = None) -> None:
        """The next request gets this."""
        self.faults.append((status, body if isinstance(body, bytes) else orjson.dumps(body)))

    def _answering(self) -> type[BaseHTTPRequestHandler]:
        registry = self

        class Answering(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_: object) -> None:
                pass

            def do_GET(self) -> None:
                registry.requests.append(self.path)
                registry.headers = {name.lower(): text for name, text in self.headers.items()}
                unknown = 404, orjson.dumps({"error_code": 40403, "message": "Schema not found"})
                answer = registry.faults.pop(0) if registry.faults else registry.answers.get(self.path, unknown)
                if callable(answer):
                    answer(self)
                    return
                status, body = answer
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

        return Answering
