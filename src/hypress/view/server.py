"""The page's server: this machine only, one secret in the address, nothing but what was opened.

Python's own `http.server`: one user, a dozen kinds of request, a thread each while numpy and the codecs let other
threads run. There is nothing to install and nothing that ages.
"""

from __future__ import annotations

import contextlib
import hmac
import json
import os
import secrets
import socket
import threading
import webbrowser
from collections.abc import Callable, Iterator, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib import resources
from typing import Any, ClassVar
from urllib.parse import parse_qsl, urlsplit

from hypress.errors import ConfigurationError, HypressError, InputNotFoundError, WriteError
from hypress.view.answers import Answer, Answers, as_json
from hypress.view.query import Query
from hypress.view.session import Session

HOST = "127.0.0.1"
MAX_BODY = 1 << 16
KINDS = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}
SAFETY = {
    "Content-Security-Policy": "default-src 'self'; img-src 'self' blob: data:; style-src 'self' 'unsafe-inline';"
    " base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
}


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_version = "hypress"
    sys_version = ""
    timeout = 120
    server: Explorer

    def do_GET(self) -> None:
        self._reply(lambda: self._got(head=False))

    def do_HEAD(self) -> None:
        self._reply(lambda: self._got(head=True), head=True)

    def do_POST(self) -> None:
        self._reply(self._posted)

    def _got(self, head: bool) -> Answer:
        name, query = self._asked()
        if not name.startswith("api/"):
            return _static(name or "index.html")
        if name[4:] not in self.server.answers.get:
            raise InputNotFoundError("there is nothing at this address")
        return self.server.answers.get[name[4:]](Query(query))

    def _posted(self) -> Answer:
        name, _ = self._asked()
        size = (
            int(self.headers.get("Content-Length") or 0)
            if (self.headers.get("Content-Length") or "0").isdigit()
            else -1
        )
        if not 0 <= size <= MAX_BODY:
            self.close_connection = True
            raise ConfigurationError(f"a request has at most {MAX_BODY} bytes")
        body = self.rfile.read(int(size))
        if name not in (f"api/{known}" for known in self.server.answers.post):
            raise InputNotFoundError("there is nothing at this address")
        try:
            given = json.loads(body)
        except (ValueError, RecursionError):
            given = None
        if not isinstance(given, dict):
            raise ConfigurationError("the request is no JSON object")
        return self.server.answers.post[name[4:]](given)

    def _asked(self) -> tuple[str, dict[str, str]]:
        """The path behind the token, and the query. Raises PermissionError."""
        hosts = (f"{HOST}:{self.server.port}", f"localhost:{self.server.port}")
        origin = self.headers.get("Origin")
        if self.headers.get("Host") not in hosts or not (origin is None or origin in [f"http://{h}" for h in hosts]):
            raise PermissionError("this server answers to its own page only")
        parts = urlsplit(self.path)
        token, slash, name = parts.path.lstrip("/").partition("/")
        if not hmac.compare_digest(token.encode(), self.server.token.encode()) or not slash:
            raise PermissionError("this address lacks its secret: use the one that `hypress view` printed")
        return name, dict(parse_qsl(parts.query, max_num_fields=50))

    def _reply(self, work: Callable[[], Answer], head: bool = False) -> None:
        try:
            answer = work()
        except PermissionError as error:
            self.close_connection = True
            answer = as_json({"error": str(error)}, 403)
        except InputNotFoundError as error:
            answer = as_json({"error": str(error)}, 404)
        except ConfigurationError as error:
            answer = as_json({"error": str(error)}, 400)
        except (HypressError, OSError) as error:
            answer = as_json({"error": str(error)}, 409)
        except MemoryError:
            answer = as_json({"error": "there is not enough memory for this"}, 507)
        except Exception as error:  # the server lives on
            answer = as_json({"error": f"this went wrong: {type(error).__name__}: {error}"}, 500)
        with contextlib.suppress(ConnectionError, TimeoutError):
            self._send(answer, head)

    def _send(self, answer: Answer, head: bool) -> None:
        self.send_response(answer.status)
        headers = {"Content-Type": answer.kind, "Content-Length": str(len(answer.body)), "Cache-Control": "no-store"}
        for name, value in (headers | SAFETY | answer.headers).items():
            self.send_header(name, value)
        self.end_headers()
        if not head:
            self.wfile.write(answer.body)

    def handle(self) -> None:
        """As inherited; a browser that hangs up is no error."""
        with contextlib.suppress(ConnectionError, TimeoutError):
            super().handle()

    def log_message(self, format: str, *args: Any) -> None:
        """Silence: the terminal is the user's."""


class Explorer(ThreadingHTTPServer):
    """The server over one session. `url` is the page's address, secret included."""

    daemon_threads = True
    request_queue_size = 64
    allow_reuse_address: ClassVar[bool] = os.name == "posix"  # type: ignore[misc]

    def __init__(self, session: Session, port: int = 0) -> None:
        self.answers = Answers(session)
        self.token = secrets.token_urlsafe(24)
        self._connections: set[Any] = set()
        try:
            super().__init__((HOST, port), _Handler)
        except OSError as error:
            raise WriteError(f"no page can be served at {HOST}:{port}: {error.strerror or error}") from error

    @property
    def port(self) -> int:
        """The port that it listens to."""
        return int(self.server_address[1])

    @property
    def url(self) -> str:
        """The page's address."""
        return f"http://{HOST}:{self.port}/{self.token}/"

    def get_request(self) -> tuple[socket.socket, Any]:
        """As inherited; the connection is remembered, since a browser keeps it open."""
        request, address = super().get_request()
        self._connections.add(request)
        return request, address

    def shutdown_request(self, request: Any) -> None:
        """As inherited."""
        self._connections.discard(request)
        super().shutdown_request(request)

    def server_close(self) -> None:
        """As inherited; connections that are open are closed too."""
        super().server_close()
        for connection in list(self._connections):
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def handle_error(self, request: socket.socket | tuple[bytes, socket.socket], client_address: Any) -> None:
        """A connection that breaks is no news."""


@contextlib.contextmanager
def serving(
    paths: Sequence[str | os.PathLike[str]], *, variable: str | None = None, port: int = 0
) -> Iterator[Explorer]:
    """The server at work on threads of its own, until the block ends."""
    session = Session(paths, variable=variable)
    try:
        server = Explorer(session, port)
        threading.Thread(target=server.serve_forever, name="hypress-server", daemon=True).start()
        try:
            yield server
        finally:
            server.shutdown()
            server.server_close()
    finally:
        session.close()


def serve(
    paths: Sequence[str | os.PathLike[str]],
    *,
    variable: str | None = None,
    port: int = 0,
    browser: bool = True,
    ready: Callable[[str], None] = print,
) -> None:
    """Serve the page for these scenes until interrupted; `ready` is told its address, and the browser opens it.

    Raises as `open_scene`, and WriteError where the port is taken.
    """
    with serving(paths, variable=variable, port=port) as server:
        ready(server.url)
        if browser:
            threading.Thread(target=webbrowser.open, args=(server.url,), daemon=True).start()
        with contextlib.suppress(KeyboardInterrupt):
            threading.Event().wait()


_STATIC = frozenset(
    entry.name for entry in resources.files("hypress.view").joinpath("static").iterdir() if entry.is_file()
)


def _static(name: str) -> Answer:
    """A file of the page: one of those that were there at the start, by its bare name."""
    if name not in _STATIC:
        raise InputNotFoundError("there is nothing at this address")
    kind = KINDS.get(name[name.rfind(".") :], "application/octet-stream")
    body = resources.files("hypress.view").joinpath("static", name).read_bytes()
    return Answer(body, kind, {"Cache-Control": "no-cache"})
