"""The command line: one command for each job; exit 0 done, 1 the input is at fault, 2 wrong usage."""

from __future__ import annotations

import signal
from typing import Any

import click

from acomodel import __version__
from acomodel.cli import bench, claims, compare, luck, scenarios

COMMANDS = (
    scenarios.propose,
    scenarios.run,
    scenarios.sweep,
    compare.compare,
    scenarios.check,
    scenarios.new,
    luck.replay,
    claims.ingest,
    claims.attribute,
    claims.hcc,
    luck.chance,
    bench.lab,
    bench.explore,
)
"""The commands, in the order of a day's work."""


class _InOrder(click.Group):
    """A group that lists its commands as they were added."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        return list(self.commands)


@click.group(cls=_InOrder, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="acomodel")
def main() -> None:
    """Budget, settlement and proposal for Accountable Care Organizations."""
    signal.signal(signal.SIGTERM, _as_interrupt)


for command in COMMANDS:
    main.add_command(command)


def _as_interrupt(*_: Any) -> None:
    raise KeyboardInterrupt
