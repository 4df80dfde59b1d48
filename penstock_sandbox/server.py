"""The sandbox as a server: its application, in the foreground or in a thread."""

import gc
import ipaddress
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse
from starlette.routing import Mount, Route
from starlette.types import ASGIApp

from penstock_sandbox.control import control_routes
from penstock_sandbox.exchange import Answer, Call
from penstock_sandbox.faults import CONTROL_PREFIX
from penstock_sandbox.gate import Gate
from penstock_sandbox.handle import Sandbox
from penstock_sandbox.hubspot import wire
from penstock_sandbox.intercom import wire as intercom_wire
from penstock_sandbox.page import render
from penstock_sandbox.protocol import breakable
from penstock_sandbox.salesforce import wire as salesforce_wire
from penstock_sandbox.salesforce.bulk import work
from penstock_sandbox.settings import Settings
from penstock_sandbox.tls import Certificates
from penstock_sandbox.world import World

HUBSPOT_PREFIX, SALESFORCE_PREFIX = "/hubspot", "/salesforce"
SALESFORCE_ROOTS = ("/services", "/id")
"""Where Salesforce lives without a prefix, for clients that know a host and no path before theirs."""
INTERCOM_PREFIXES = {"/intercom": "US", "/intercom-eu": "EU", "/intercom-au": "AU"}
"""One host per region; a workspace lives in one of them."""
START_SECONDS = 10.0
GARBAGE = 50_000
"""objects made, less those gone, from which on garbage is looked for: the records of a bulk job are none"""


def application(world: World) -> ASGIApp:
    """Assemble the page, the control plane and the vendors."""

    async def page(_request: Request) -> HTMLResponse:
        return HTMLResponse(render(world))

    def hubspot(call: Call) -> Answer:
        return wire.respond(world.hubspot, call)

    def salesforce(call: Call) -> Answer:
        return salesforce_wire.respond(world.salesforce, call)

    def jobs() -> bool:
        return work.advance(world.salesforce, world.clock.now(), 1)

    def intercom(region: str, call: Call) -> Answer:
        return intercom_wire.respond(world.intercom, call, region)

    at_root = Gate(world, "", salesforce, b"[]", jobs)
    return Starlette(
        routes=[
            Route("/", page),
            Mount(CONTROL_PREFIX, routes=control_routes(world)),
            Mount(HUBSPOT_PREFIX, app=Gate(world, HUBSPOT_PREFIX, hubspot)),
            Mount(SALESFORCE_PREFIX, app=Gate(world, SALESFORCE_PREFIX, salesforce, b"[]", jobs)),
            *(
                Mount(prefix, app=Gate(world, prefix, partial(intercom, region), b'{"type":"list","data":[]}'))
                for prefix, region in INTERCOM_PREFIXES.items()
            ),
            *(Mount(root, app=at_root) for root in SALESFORCE_ROOTS),
        ]
    )


def is_loopback(host: str) -> bool:
    """Tell whether only this machine can reach the address."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def listen(host: str, port: int) -> socket.socket:
    """Bind a socket; port 0 takes a free one. Raises OSError when the port is taken.

    The protocol is named because asyncio sets TCP_NODELAY only then; without it every answer waits 40 ms.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind((host, port))
        sock.listen(1024)
    except OSError:
        sock.close()
        raise
    return sock


class AnnouncingServer(uvicorn.Server):
    """Says when it is listening, which uvicorn only logs."""

    def __init__(self, config: uvicorn.Config, ready: Callable[[], None]) -> None:
        super().__init__(config)
        self._ready = ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start, then say so."""
        await super().startup(sockets=sockets)
        self._ready()


def make_server(
    settings: Settings, ready: Callable[[], None], certificates: Certificates | None = None
) -> AnnouncingServer:
    """Return a server for a fresh world, over TLS where there are certificates."""
    world = World(settings)
    config = uvicorn.Config(
        application(world),
        http=breakable(world.faults.at_connect),
        ws="none",
        lifespan="off",
        access_log=False,
        log_config=None,
        server_header=False,
        timeout_keep_alive=60,
        timeout_graceful_shutdown=1,
        ssl_certfile=None if certificates is None else str(certificates.server),
    )
    return AnnouncingServer(config, ready)


def run(
    sock: socket.socket, settings: Settings, ready: Callable[[], None], certificates: Certificates | None = None
) -> None:
    """Serve in the foreground until a signal."""
    gc.set_threshold(GARBAGE, 20, 100)
    make_server(settings, ready, certificates).run(sockets=[sock])


@contextmanager
def running(certificates: Certificates | None = None, **options: object) -> Iterator[Sandbox]:
    """Serve in a thread on a free loopback port while the block runs.

    Options are those of `configure`: `running(unlimited=True, hubspot={"per_ten_seconds": 5})`.
    """
    settings = Settings().patched(options)
    started = threading.Event()
    sock = listen("127.0.0.1", 0)
    port: int = sock.getsockname()[1]
    server = make_server(settings, started.set, certificates)
    thread = threading.Thread(target=partial(server.run, sockets=[sock]), name="penstock-sandbox", daemon=True)
    thread.start()
    try:
        if not started.wait(START_SECONDS):
            raise RuntimeError(f"the sandbox did not start within {START_SECONDS:g} s")
        scheme = "http" if certificates is None else "https"
        yield Sandbox(f"{scheme}://127.0.0.1:{port}", None if certificates is None else certificates.authority)
    finally:
        server.should_exit = True
        thread.join(START_SECONDS)
