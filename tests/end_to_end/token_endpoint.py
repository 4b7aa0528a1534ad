"""An OAuth 2.0 token endpoint (client credentials) whose tokens nobody signed, as a test broker takes them."""

from __future__ import annotations

import base64
import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Self


class TokenEndpoint:
    """Between `with` and its end it gives tokens for `user` to whoever knows the client's id and `secret`."""

    def __init__(self, user: str, client: str, secret: str) -> None:
        self._user = user
        self._known = "Basic " + base64.b64encode(f"{client}:{secret}".encode()).decode()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._answering())
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01})
        self.given = 0

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}/token"

    def token(self) -> str:
        """A JWT without a signature (RFC 7519, section 6), good for five minutes."""
        now = int(time.time())
        parts = ({"alg": "none"}, {"sub": self._user, "iat": now, "exp": now + 300})
        return ".".join(
            [*(base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in parts), ""]
        )

    def _answering(self) -> type[BaseHTTPRequestHandler]:
        endpoint = self

        class Answering(BaseHTTPRequestHandler):
            def log_message(self, *_: object) -> None:
                pass

            def do_POST(self) -> None:
                self.rfile.read(int(self.headers.get("Content-Length", 0)))
                if self.headers.get("Authorization") == endpoint._known:
                    endpoint.given += 1
                    status, answer = 200, {"access_token": endpoint.token(), "token_type": "bearer", "expires_in": 300}
                else:
                    status, answer = 401, {"error": "invalid_client", "error_description": "unknown client or secret"}
                body = json.dumps(answer).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

        return Answering
