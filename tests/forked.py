"""Our targets as processes that need not import: forked from one that has, once per test worker.

Importing a target takes a second of CPU, and the tests start thousands. What a test gets is a real process, a child of
the test's own: killed, signalled and waited for like any. Only the import has happened before. On systems other than
Linux, and where coverage is counted, processes are started as ever.
"""

from __future__ import annotations

import atexit
import ctypes
import gc
import importlib
import json
import os
import runpy
import signal
import socket
import subprocess
import sys
import threading
import time
from typing import Any

MODULES = {"target_hubspot.target", "target_salesforce.target", "target_intercom.target"}
PR_SET_CHILD_SUBREAPER = 36
"""prctl(2): orphans below this process become its children"""
_Popen = subprocess.Popen


class Popen(_Popen):  # type: ignore[type-arg]
    """`subprocess.Popen`; `python -m` of one of our targets is forked from a process that has imported it."""

    def _execute_child(self, args: Any, *rest: Any) -> None:
        if not forkable(args):
            super()._execute_child(args, *rest)  # type: ignore[misc]
            return
        cwd, env = rest[4], rest[5]
        pipes = rest[9:15]
        ours = (pipes[0], pipes[3], pipes[5])
        descriptors = [given if given >= 0 else own for own, given in enumerate(ours)]
        environment = dict(os.environ if env is None else env)
        self.pid = _server(args[2], environment.get("PYTHONPATH", "")).fork(
            [str(arg) for arg in args[3:]], str(cwd or os.getcwd()), environment, descriptors
        )
        self._child_created = True
        self._close_pipe_fds(*pipes)  # type: ignore[attr-defined]


def forkable(args: Any) -> bool:
    """Tell whether a command is one of our targets."""
    return (
        sys.platform == "linux"
        and isinstance(args, list)
        and args[:2] == [sys.executable, "-m"]
        and args[2] in MODULES
        and not any(name.startswith("COVERAGE") for name in os.environ)
    )


class _Server:
    """A process that has imported a module and forks on request."""

    def __init__(self, module: str, path: str) -> None:
        self._one_at_a_time = threading.Lock()
        self._socket, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            self._process = _Popen(
                [sys.executable, "-m", "tests.forked", module, str(theirs.fileno())],
                pass_fds=[theirs.fileno()],
                env={**os.environ, "PYTHONPATH": os.pathsep.join([os.getcwd(), path])},
                stdin=subprocess.DEVNULL,
            )
        atexit.register(self.close)

    def fork(self, args: list[str], cwd: str, environment: dict[str, str], descriptors: list[int]) -> int:
        content = json.dumps([args, cwd, environment]).encode()
        with self._one_at_a_time:
            socket.send_fds(self._socket, [content], descriptors)
            answer = self._socket.recv(64)
        if not answer:
            raise RuntimeError("the process that forks the target has ended")
        return int(answer)

    def close(self) -> None:
        self._socket.close()
        self._process.wait()


_servers: dict[tuple[str, str], _Server] = {}
_LOCK = threading.Lock()


def _server(module: str, path: str) -> _Server:
    with _LOCK:
        found = _servers.get((module, path))
        if found is None:
            if ctypes.CDLL(None, use_errno=True).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0):
                raise OSError(ctypes.get_errno(), "prctl")
            found = _servers[module, path] = _Server(module, path)
        return found


def install() -> None:
    """Let `subprocess` fork our targets."""
    subprocess.Popen = Popen  # type: ignore[misc]


def serve(module: str, channel: socket.socket) -> list[str]:
    """Fork on request until the socket is closed; return, in the child, its arguments."""
    importlib.import_module(module)
    gc.freeze()
    while True:
        content, descriptors, _, _ = socket.recv_fds(channel, 1 << 20, 3)
        if not content:
            os._exit(0)
        # Twice, and the one between ends: so the grandchild becomes a child of the test's own process.
        told, telling = os.pipe()
        between = os.fork()
        if not between:
            if child := os.fork():
                os.write(telling, str(child).encode())
                os._exit(0)
            for descriptor in (told, telling, channel.detach()):
                os.close(descriptor)
            args, cwd, environment = json.loads(content)
            return become(args, cwd, environment, descriptors)
        os.waitpid(between, 0)  # before the answer: only then is it the test's child
        channel.send(os.read(told, 64))
        for descriptor in (told, telling, *descriptors):
            os.close(descriptor)


def become(args: list[str], cwd: str, environment: dict[str, str], descriptors: list[int]) -> list[str]:
    """Take over what the started process would have had; return its arguments."""
    for own, given in enumerate(descriptors):
        os.dup2(given, own)
    for given in descriptors:
        os.close(given)
    os.chdir(cwd)
    os.environ.clear()
    os.environ.update(environment)
    time.tzset()
    signal.signal(signal.SIGINT, signal.default_int_handler)
    return args


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    name = sys.argv[1]
    sys.argv[1:] = serve(name, socket.socket(fileno=int(sys.argv[2])))
    sys.modules.pop(name)  # so that it can run as the program
    runpy.run_module(name, run_name="__main__", alter_sys=True)
