"""An OAuth 2.0 token endpoint (client credentials) whose tokens nobody signed, as a test broker takes them."""

from __future__ import annotations

import base64
import json
import time

from tests.local_server import Answering, LocalServer


class TokenEndpoint(LocalServer):
    """Between `with` and its end it gives tokens for `user` to whoever knows the client's id and `secret`."""

    def __init__(self, user: str, client: str, secret: str) -> None:
        super().__init__(self._answering())
        self._user = user
        self._known = "Basic " + base64.b64encode(f"{client}:{secret}".encode()).decode()
        self.given = 0

    @property
    def url(self) -> str:
        return f"{super().url}/token"

    def token(self) -> str:
        """A JWT without a signature (RFC 7519, section 6), good for five minutes."""
        now = int(time.time())
        parts = ({"alg": "none"}, {"sub": self._user, "iat": now, "exp": now + 300})
        return ".".join(
            [*(base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in parts), ""]
        )

    def _answering(self) -> type[Answering]:
        endpoint = self

        class Tokens(Answering):
            def do_POST(self) -> None:  # noqa: N802  # http.server calls it so
                self.rfile.read(int(self.headers.get("Content-Length", 0)))
                if self.headers.get("Authorization") == endpoint._known:
                    endpoint.given += 1
                    status, answer = 200, {"access_token": endpoint.token(), "token_type": "bearer", "expires_in": 300}
                else:
                    status, answer = 401, {"error": "invalid_client", "error_description": "unknown client or secret"}
                self.answer(status, json.dumps(answer).encode())

        return Tokens
