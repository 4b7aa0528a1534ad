"""The requests that an update would become: built by what builds them in the service."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from consumer.adapters.profile_api import Endpoint, ProfileApi
from consumer.core.delivery import ROOM
from consumer.core.intake import too_large
from consumer.core.pairs import prefixed, split
from consumer.core.profile import ProfileUpdate, Rejection, encode_attributes, encode_identity
from consumer.core.response_rules import ResponseRules

if TYPE_CHECKING:
    from consumer.core.profile import Result, SchemaWanted
    from consumer.settings import Settings


class Request(NamedTuple):
    """One request as it would be sent; `body` is empty for GET."""

    method: str
    url: str
    headers: dict[str, str]
    body: str


class Requests:
    """Makes requests as the settings want them; the token never stands in one, `TOKEN` does."""

    def __init__(self, settings: Settings) -> None:
        target = settings.target
        self._endpoint = Endpoint(target.url, target.timeout, target.method)
        self._token_header = target.token_header if target.token_file else None
        self._api: ProfileApi | None = None

    def of(self, result: Result | SchemaWanted) -> tuple[tuple[Request, ...], Rejection | None]:
        """The calls that a result leads to, or why it can't be sent after all."""
        if not isinstance(result, ProfileUpdate):
            return (), None
        pairs = encode_attributes(result.attributes)
        if rejection := too_large(result, pairs):
            return (), rejection
        identity = encode_identity(result.identity)
        return tuple(self._request(identity, prefixed(group)) for group in split(pairs, ROOM)), None

    def _request(self, identity: bytes, attributes: bytes) -> Request:
        if self._api is None:
            self._api = ProfileApi(self._endpoint, ResponseRules(()), 1)
        request = self._api.request(identity, attributes)
        headers = {name.decode("ascii"): value.decode("ascii") for name, value in request.headers.raw}
        if self._token_header:
            headers[self._token_header] = "Bearer TOKEN"
        url = self._endpoint.url
        if request.method == "GET":
            url += ("&" if "?" in url else "?") + request.url.query.decode("ascii").removeprefix(_query(url))
        return Request(request.method, url, headers, request.content.decode("ascii"))


def _query(url: str) -> str:
    """What stands before our own parameters in the query of a URL that has one of its own."""
    query = url.partition("?")[2]
    return f"{query}&" if query else ""
