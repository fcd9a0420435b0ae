"""The commands of `python -m telefast`."""

from __future__ import annotations

import math
from importlib.metadata import version as version_of
from pathlib import Path
from typing import Annotated, Optional

import typer

__all__ = ["app"]

app = typer.Typer(
    help="Read Telegram chats through Telethon, fast and complete.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


def _version(is_wanted: bool) -> None:
    if is_wanted:
        typer.echo(f"telefast {version_of('telefast')}, Telethon {version_of('telethon')}")
        raise typer.Exit


@app.callback()
def main(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show and end.")
    ] = False,
) -> None:
    """Read Telegram chats through Telethon, fast and complete."""


@app.command()
def demo(
    # typer reads these annotations at run time, and knows Optional in every version.
    export: Annotated[
        Optional[Path],  # noqa: UP045
        typer.Option(
            help="A Telegram Desktop export (JSON): result.json or its folder. "
            "Without it, a chat is made from a seed."
        ),
    ] = None,
    chat: Annotated[
        Optional[str],  # noqa: UP045
        typer.Option(help="Name or id of a chat of the export. [default: the largest]"),
    ] = None,
    messages: Annotated[
        Optional[int],  # noqa: UP045
        typer.Option(
            min=1,
            max=100_000,
            help="Messages of the chat from a seed. [default: 20000]",
        ),
    ] = None,
    rtt: Annotated[
        float, typer.Option(min=0, max=10_000, help="Round trip time, in milliseconds.")
    ] = 60.0,
    concurrency: Annotated[
        int, typer.Option(min=1, max=64, help="telefast's requests in flight.")
    ] = 16,
    out: Annotated[Path, typer.Option(help="Folder for the results.")] = Path("demo-out"),
) -> None:
    """Export a chat with telefast and with stock Telethon, compare results and costs.

    Everything happens on this machine: an embedded Telegram, unmodified clients, no account.
    """
    from telefast.cli.demo import DemoOptions, run_demo

    if chat is not None and export is None:
        raise typer.BadParameter("needs --export", param_hint="--chat")
    if messages is not None and export is not None:
        raise typer.BadParameter("an export has its own messages", param_hint="--messages")
    if math.isnan(rtt):
        raise typer.BadParameter("expected a number", param_hint="--rtt")
    options = DemoOptions(
        export=export,
        chat=chat,
        messages=20_000 if messages is None else messages,
        rtt=rtt / 1000,
        concurrency=concurrency,
        out=out,
    )
    raise typer.Exit(run_demo(options))
