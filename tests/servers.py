"""Real servers for tests: a redis-server, a PostgreSQL and proxies of their own, on free ports.

They are Debian packages, which `.ci/run` installs. Where one is missing its tests are skipped, and
say so.
"""

from __future__ import annotations

import os
import random
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

import psycopg
import pytest

READY_SECONDS = 30.0

# Below Linux's usual net.ipv4.ip_local_port_range, above the ports that services are known by.
NOT_GIVEN_OUT = (20_000, 32_000)


def free_port() -> int:
    """Find a port that nobody has, and that the kernel gives nobody who asks for any.

    One of the kernel's own choice is soon given again: to another test's server, or as the near end
    of a connection.
    """
    while True:
        port = random.SystemRandom().randrange(*NOT_GIVEN_OUT)
        with socket.socket() as found:
            try:
                found.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port


def wait_for_port(port: int) -> None:
    until = time.monotonic() + READY_SECONDS
    while time.monotonic() < until:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            time.sleep(0.02)
        else:
            return
    raise AssertionError(f"nothing listens on port {port}")


@dataclass
class RedisServer:
    """One redis-server, that can be stopped, hung and started again."""

    port: int = field(default_factory=free_port)
    _process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    def start(self) -> None:
        command = ["redis-server", "--port", str(self.port), "--save", "", "--appendonly", "no"]
        self._process = subprocess.Popen(command, stdout=subprocess.DEVNULL, cwd="/tmp")
        wait_for_port(self.port)

    def stop(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def hang(self) -> None:
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)

    def wake(self) -> None:
        assert self._process is not None
        self._process.send_signal(signal.SIGCONT)


@contextmanager
def running_redis() -> Iterator[RedisServer]:
    if shutil.which("redis-server") is None:
        pytest.skip("redis-server is not installed (Debian package redis-server)")
    server = RedisServer()
    server.start()
    try:
        yield server
    finally:
        server.stop()


def _postgres_programs() -> Path | None:
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"))
    if found:
        return found[-1].parent
    on_path = shutil.which("postgres")
    return None if on_path is None else Path(on_path).resolve().parent


def _as_who() -> list[str]:
    """PostgreSQL does not run as root."""
    return ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"] * (
        os.geteuid() == 0
    )


@dataclass
class PostgresServer:
    """One PostgreSQL, that can be stopped, hung and started again."""

    directory: Path
    programs: Path
    port: int = field(default_factory=free_port)
    _process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"postgresql://omen@127.0.0.1:{self.port}/postgres"

    def create(self) -> None:
        if os.geteuid() == 0:
            shutil.chown(self.directory, "postgres")
        initdb = [*_as_who(), str(self.programs / "initdb"), "-D", str(self.directory / "data")]
        options = ["-U", "omen", "-A", "trust", "-N", "--no-locale", "-E", "UTF8"]
        subprocess.run([*initdb, *options], check=True, capture_output=True, cwd="/tmp")

    def start(self) -> None:
        command = [*_as_who(), str(self.programs / "postgres"), "-D", str(self.directory / "data")]
        options = ["-p", str(self.port), "-k", str(self.directory), "-c", "fsync=off"]
        self._process = subprocess.Popen(
            [*command, *options, "-c", "listen_addresses=127.0.0.1"],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            cwd="/tmp",
            start_new_session=True,
        )
        wait_for_port(self.port)
        self._wait_until_it_answers()

    def stop(self) -> None:
        if self._process is not None:
            self._process.send_signal(signal.SIGCONT)
            self._process.send_signal(signal.SIGQUIT)
            self._process.wait()
            self._process = None

    def hang(self) -> None:
        """Stop all its processes, as a machine that swaps does."""
        for pid in self._pids():
            os.kill(pid, signal.SIGSTOP)

    def wake(self) -> None:
        for pid in self._pids():
            os.kill(pid, signal.SIGCONT)

    def _pids(self) -> list[int]:
        assert self._process is not None
        own = self._process.pid
        children = Path(f"/proc/{own}/task/{own}/children").read_text().split()
        return [own, *map(int, children)]

    def _wait_until_it_answers(self) -> None:
        until = time.monotonic() + READY_SECONDS
        while True:
            try:
                psycopg.connect(self.url, connect_timeout=2).close()
            except psycopg.OperationalError:
                if time.monotonic() > until:
                    raise
                time.sleep(0.05)
            else:
                return


@contextmanager
def running_postgres() -> Iterator[PostgresServer]:
    """Run a PostgreSQL in a folder of its own.

    Not in one of pytest's: PostgreSQL is another user than root, and the next pytest that starts on
    this machine would take the way to its files from it.
    """
    programs = _postgres_programs()
    if programs is None:
        pytest.skip("PostgreSQL is not installed (Debian package postgresql)")
    with TemporaryDirectory(prefix="omen-postgres-", ignore_cleanup_errors=True) as folder:
        directory = Path(folder)
        directory.chmod(0o755)
        server = PostgresServer(directory, programs)
        server.create()
        server.start()
        try:
            yield server
        finally:
            server.stop()


_NGINX = """
daemon off;
master_process off;
pid {folder}/pid;
error_log {folder}/error.log;
events {{ }}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    map $http_upgrade $connection_upgrade {{ default upgrade; '' close; }}
    server {{
        listen 127.0.0.1:{port};
        location /admin {{ deny all; }}
        location / {{
            proxy_pass http://127.0.0.1:{upstream};
            {lines}
        }}
    }}
}}
"""
"""With a part of the site that nobody outside may see."""
FOR_WEBSOCKETS = """
            proxy_http_version 1.1;
            proxy_set_header Upgrade $http_upgrade;
            proxy_set_header Connection $connection_upgrade;
            proxy_set_header Host $host;
            proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
"""
"""The lines that nginx's own guide gives ("WebSocket proxying", nginx.org, read 2026-11-30)."""


@contextmanager
def running_nginx(
    folder: Path, upstream: int, template: str = _NGINX, **more: object
) -> Iterator[int]:
    """Run an nginx in front of a local port; give its own. `more` fills in another `template`."""
    program = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin")
    if program is None:
        pytest.skip("nginx is not installed (Debian package nginx)")
    port = free_port()
    config = folder / "nginx.conf"
    more.setdefault("lines", FOR_WEBSOCKETS)
    config.write_text(template.format(folder=folder, port=port, upstream=upstream, **more))
    command = [program, "-p", str(folder), "-c", str(config), "-e", str(folder / "error.log")]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        wait_for_port(port)
        yield port
    finally:
        process.kill()
        process.wait()


_HAPROXY = """
defaults
    mode http
    timeout connect 5s
    timeout client 60s
    timeout server 60s
    timeout tunnel 60s
    {lines}
frontend outside
    bind 127.0.0.1:{port}
    http-request deny if {{ path_beg /admin }}
    default_backend gateway
backend gateway
    server gateway 127.0.0.1:{upstream}
"""


@contextmanager
def running_haproxy(folder: Path, upstream: int, lines: str = "") -> Iterator[int]:
    """Run an HAProxy in front of a local port; give its own. `lines` are those of the defaults."""
    program = shutil.which("haproxy") or shutil.which("haproxy", path="/usr/sbin")
    if program is None:
        pytest.skip("HAProxy is not installed (Debian package haproxy)")
    port = free_port()
    config = folder / "haproxy.cfg"
    config.write_text(_HAPROXY.format(port=port, upstream=upstream, lines=lines))
    command = [program, "-db", "-q", "-f", str(config)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        wait_for_port(port)
        yield port
    finally:
        process.kill()
        process.wait()
