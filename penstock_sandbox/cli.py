"""`penstock-sandbox`: serve the simulated APIs, or list where their behaviour was learnt."""

from importlib.metadata import version
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from penstock_sandbox.provenance import BEHAVIOURS, counts
from penstock_sandbox.server import is_loopback, listen, run
from penstock_sandbox.settings import Settings
from penstock_sandbox.tls import make
from penstock_sandbox.world import World

app = typer.Typer(help="Simulated vendor APIs on loopback.", no_args_is_help=True, add_completion=False)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"penstock-sandbox {version('penstock')}")
        raise typer.Exit


@app.callback()
def main(
    show_version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Simulate vendor APIs on loopback."""


@app.command()
def serve(
    port: Annotated[int, typer.Option(help="Port to listen on; 0 takes a free one.")] = 8470,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    unlimited: Annotated[bool, typer.Option("--unlimited", help="No rate limits, for benchmarks.")] = False,
    latency_ms: Annotated[float, typer.Option(help="How long each vendor request waits.", min=0)] = 0.0,
    allow_other_interfaces: Annotated[
        bool, typer.Option("--allow-other-interfaces", help="Let other machines reach it: no password protects it.")
    ] = False,
    org: Annotated[
        Path | None,
        typer.Option(help="A JSON file of fields and records that the simulated Salesforce begins with."),
    ] = None,
    tls: Annotated[
        Path | None, typer.Option(help="Serve over TLS, and put the certificate to trust, ca.pem, into this folder.")
    ] = None,
) -> None:
    """Serve until interrupted."""
    if not is_loopback(host) and not allow_other_interfaces:
        typer.echo(f"{host} is no loopback address; --allow-other-interfaces serves it all the same", err=True)
        raise typer.Exit(2)
    try:
        certificates = None if tls is None else make(tls)
        settings = Settings(unlimited=unlimited, latency_ms=latency_ms, org=b"" if org is None else org.read_bytes())
        World(settings)  # says now what is wrong with the file
    except (OSError, RuntimeError, ValueError) as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(2) from error
    try:
        sock = listen(host, port)
    except OSError as error:
        typer.echo(f"cannot listen on {host}:{port}: {error}", err=True)
        raise typer.Exit(2) from error
    bound: int = sock.getsockname()[1]
    shown = f"[{host}]" if ":" in host else host
    run(
        sock,
        settings,
        lambda: typer.echo(f"sandbox ready on {'http' if tls is None else 'https'}://{shown}:{bound}"),
        certificates,
    )


@app.command()
def behaviours() -> None:
    """List every simulated behaviour with its source, and count the kinds."""
    table = Table("kind", "behaviour", "source or reason", box=None)
    for behaviour in sorted(BEHAVIOURS, key=lambda each: (each.kind, each.name)):
        table.add_row(behaviour.kind, behaviour.name, behaviour.source)
    console = Console()
    console.print(table)
    console.print(", ".join(f"{count} {kind}" for kind, count in counts().items()))


if __name__ == "__main__":
    app()
