"""What the commands share: values from the command line, files written whole, faults in one line."""

from __future__ import annotations

import functools
import json
import os
import signal
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from acomodel.inputs import InputError, write_whole


def guarded(command: Callable[..., None]) -> Callable[..., None]:
    """Turn a fault of the input into one line on stderr and exit code 1."""

    @functools.wraps(command)
    def wrapper(*args: Any, **kwargs: Any) -> None:
        try:
            command(*args, **kwargs)
        except InputError as error:
            click.echo(f"acomodel: {error}", err=True)
            sys.exit(1)
        except BrokenPipeError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            sys.exit(0)
        except OSError as error:
            place = error.filename or "output"
            click.echo(f"acomodel: {place}: cannot be written or read here ({error.strerror or error}).", err=True)
            sys.exit(1)
        except KeyboardInterrupt:
            click.echo("acomodel: interrupted; nothing half-written is left.", err=True)
            sys.exit(128 + signal.SIGINT)

    return wrapper


def setting(text: str) -> tuple[str, str]:
    """Key and value of KEY=VALUE."""
    key, equals, value = text.partition("=")
    if not equals or not key.strip() or not value.strip():
        raise click.UsageError(f"--set wants KEY=VALUE, found '{text}'")
    return key.strip(), value.strip()


def value_of(text: str) -> Any:
    """Value as TOML reads it; a bare word is text."""
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return text


def write_csv(table: Any, out: Path) -> None:
    """Write a table as CSV, whole or not at all; no text in it is a formula to a spreadsheet."""
    from acomodel.exhibit import inert

    safe = table.apply(lambda column: column.map(lambda cell: inert(cell) if isinstance(cell, str) else cell))
    write_whole(out, lambda draft: safe.to_csv(draft, index=False))


def print_json(document: Any) -> None:
    """Print one JSON document on stdout."""
    click.echo(json.dumps(document, indent=1, ensure_ascii=False, allow_nan=False))
