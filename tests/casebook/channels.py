"""Local servers that stand for the services a list is pushed through: a web hook and a mail server, on 127.0.0.1."""

from __future__ import annotations

import json
import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any


@dataclass(frozen=True)
class Hook:
    """A web hook: what it was sent, and the statuses it answers with, the last for ever."""

    port: int
    got: list[dict[str, Any]] = field(default_factory=list)
    answers: list[int] = field(default_factory=lambda: [200])

    def url(self, secret: str = "s3cret") -> str:
        """The address as apprise writes it."""
        return f"json://127.0.0.1:{self.port}/{secret}"


@contextmanager
def web_hook(*answers: int) -> Iterator[Hook]:
    """A web hook that keeps what it was sent as JSON."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            hook.got.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(hook.answers.pop(0) if len(hook.answers) > 1 else hook.answers[0])
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Nobody watches."""

    server = HTTPServer(("127.0.0.1", 0), Handler)
    hook = Hook(server.server_port, answers=list(answers) or [200])
    with _serving(server):
        yield hook


@contextmanager
def mail_server() -> Iterator[tuple[int, list[str]]]:
    """A mail server that takes every letter: its port, and the letters."""
    letters: list[str] = []

    class Handler(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            self.wfile.write(b"220 local\r\n")
            while line := self.rfile.readline():
                command = line[:4].upper().strip()
                if command == b"DATA":
                    self.wfile.write(b"354 go on\r\n")
                    body = b""
                    while not body.endswith(b"\r\n.\r\n"):
                        body += self.rfile.readline()
                    letters.append(body.decode())
                self.wfile.write(b"221 bye\r\n" if command == b"QUIT" else b"250 fine\r\n")
                if command == b"QUIT":
                    return

    server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    with _serving(server):
        yield server.server_address[1], letters


@contextmanager
def _serving(server: socketserver.BaseServer) -> Iterator[None]:
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
