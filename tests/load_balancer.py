"""What stands before several nodes: a real nginx where one is installed, else a TCP proxy."""

from __future__ import annotations

import asyncio
import shutil
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from tests.polling import eventually
from tests.ports import free_port
from tests.tcp_proxy import tcp_proxy

NGINX = """
daemon off;
master_process off;
error_log stderr;
pid {folder}/nginx.pid;
events {{ worker_connections 1024; }}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    upstream nodes {{ {servers} }}
    server {{
        listen 127.0.0.1:{port};
        location / {{ proxy_pass http://nodes; proxy_read_timeout 60s; }}
    }}
}}
"""


@asynccontextmanager
async def load_balancer(folder: Path, *ports: int) -> AsyncIterator[str]:
    """The base URL under which nodes on these ports of 127.0.0.1 answer in turn."""
    nginx = shutil.which("nginx", path="/usr/sbin:/usr/local/sbin:/usr/bin:/usr/local/bin")
    if nginx is None:
        async with tcp_proxy(*ports) as proxy:
            yield f"http://127.0.0.1:{proxy.port}"
        return
    port = free_port()
    servers = " ".join(f"server 127.0.0.1:{each} max_fails=1 fail_timeout=1s;" for each in ports)
    configuration = folder / "nginx.conf"
    configuration.write_text(NGINX.format(folder=folder, servers=servers, port=port))
    log = folder / "nginx.log"
    with log.open("wb") as stderr:
        process = await asyncio.create_subprocess_exec(nginx, "-c", configuration, "-p", folder, stderr=stderr)
    try:
        await eventually(lambda: _listens(port) or process.returncode is not None)
        assert process.returncode is None, log.read_text()
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        await process.wait()


def _listens(port: int) -> bool:
    with socket.socket() as sock:
        return sock.connect_ex(("127.0.0.1", port)) == 0
