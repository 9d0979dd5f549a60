"""Options and output that several commands share."""

from __future__ import annotations

import json
import math
import sys
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from hypress.codec import Codec
    from hypress.goal import Goal

F = TypeVar("F", bound=Callable[..., Any])

json_option = click.option("--json", "as_json", is_flag=True, help="Print one JSON object for machines.")
overwrite_option = click.option("--overwrite", is_flag=True, help="Replace an output that exists.")
workers_option = click.option(
    "--workers",
    type=click.IntRange(min=1),
    help="Threads, each with a tile in memory.  [default: one a core]",
)
engine_option = click.option(
    "--engine",
    type=click.Choice(["torch", "onnx"]),
    help="Who computes a trained codec's networks.  [default: torch, or onnx where it is not installed]",
)


def key_options(command: F) -> F:
    """The secret of a scene: from a file, or asked for."""
    for option in reversed(
        (
            click.option("--key-file", metavar="FILE", help="The secret, where the codec takes one: what FILE holds."),
            click.option("--key", "ask", is_flag=True, help="Ask for the secret on the terminal, without echo."),
        )
    ):
        command = option(command)
    return command


@contextmanager
def secret_from(key_file: str | None, ask: bool) -> Iterator[None]:
    """Work with the secret that was given, if one was; a line end at the end of the file is no part of it."""
    if key_file is None and not ask:
        yield
        return
    from hypress import secret

    if key_file is not None and ask:
        raise click.UsageError("give --key-file or --key, not both")
    if key_file is None:
        given: str | bytes = click.prompt("secret", hide_input=True, err=True)
    else:
        given = Path(key_file).read_bytes().rstrip(b"\r\n")
        with suppress(UnicodeDecodeError):
            given = given.decode()
    with secret.use(given):
        yield


def engine_from(name: str | None) -> AbstractContextManager[None]:
    """Compute networks with the engine that was asked for, if one was."""
    if name is None:
        return nullcontext()
    from hypress.neural import engine

    return engine.use(name)


def rewrite(
    source: str,
    output: str,
    change: Callable[[bytes, bytes], bytes],
    key_file: str | None,
    ask: bool,
    overwrite: bool,
    as_json: bool,
) -> None:
    """Write to `output` what `change` makes of the file `source` and the secret."""
    from hypress import secret
    from hypress.errors import OutputExistsError
    from hypress.whole import write_whole

    if Path(output).exists() and not overwrite:
        raise OutputExistsError(f"{output} exists; choose another name or allow overwriting (--overwrite)")
    with secret_from(key_file, ask):
        changed = change(Path(source).read_bytes(), secret.required(source))
    write_whole(Path(output), changed)
    if as_json:
        print_json({"output": output, "bytes": len(changed)})
    else:
        click.echo(f"{output}: {size(len(changed))}")


def goal_options(command: F) -> F:
    """One goal at most; lossless where none is given."""
    for option in reversed(
        (
            click.option("--lossless", is_flag=True, help="Every sample comes back as it was (the default)."),
            click.option(
                "--max-error",
                type=float,
                metavar="DN",
                help="No sample is off by more than DN, in its own unit.",
            ),
            click.option(
                "--relative-error",
                type=float,
                metavar="PERCENT",
                help="No sample is off by more than PERCENT of its predicted value (CCSDS 123).",
            ),
            click.option(
                "--psnr",
                type=float,
                metavar="DB",
                help="At least DB decibels; the peak is the scene's maximum.",
            ),
            click.option(
                "--rate",
                type=float,
                metavar="BPPPC",
                help="At most BPPPC bits per sample, everything counted.",
            ),
            click.option("--sam", type=float, metavar="DEG", help="A mean spectral angle of at most DEG degrees."),
            click.option(
                "--peak",
                type=float,
                metavar="DN",
                help="The peak for --psnr.  [default: the scene's maximum]",
            ),
        )
    ):
        command = option(command)
    return command


def goal_from(
    lossless: bool,
    max_error: float | None,
    relative_error: float | None,
    psnr: float | None,
    rate: float | None,
    sam: float | None,
    peak: float | None,
) -> Goal | None:
    """The goal that was given, or None."""
    from hypress import goal

    given: list[Goal] = [goal.Lossless()] if lossless else []
    if max_error is not None:
        given.append(goal.Lossless() if max_error == 0 else goal.MaxError(dn=max_error))
    if relative_error is not None:
        given.append(goal.RelativeError(percent=relative_error))
    if psnr is not None:
        given.append(goal.Psnr(db=psnr, peak=peak))
    elif peak is not None:
        raise click.UsageError("--peak goes with --psnr")
    if rate is not None:
        given.append(goal.Rate(bpppc=rate))
    if sam is not None:
        given.append(goal.SpectralAngle(deg=sam))
    if len(given) > 1:
        raise click.UsageError("give one goal: --lossless, --max-error, --relative-error, --psnr, --rate or --sam")
    return given[0] if given else None


def codec_from(name: str | None, settings: tuple[str, ...], goal: Goal | None) -> tuple[Codec, Goal | None]:
    """Codec and goal for `--codec NAME --set field=value …`. The goal is None where the knob was set by hand."""
    from hypress.codec import make
    from hypress.goal import Lossless, default_codec

    given = fields(settings)
    codec = make(name or default_codec(goal or Lossless()), given, strict=False)
    turned = codec.knob is not None and codec.knob.field in given
    return codec, goal if goal is not None or turned else Lossless()


def fields(settings: tuple[str, ...]) -> dict[str, Any]:
    """What `--set field=value …` says; a value that begins as a list or an object is read as JSON."""
    import json

    from hypress.errors import ConfigurationError

    found: dict[str, Any] = {}
    for setting in settings:
        field, equals, value = setting.partition("=")
        if not equals:
            raise ConfigurationError(f"--set takes field=value, not {setting!r}")
        value = value.strip()
        try:
            found[field.strip()] = json.loads(value) if value[:1] in ("[", "{") else value
        except ValueError as error:
            raise ConfigurationError(f"--set {setting}: this is no JSON ({error})") from None
        if value.lower() in ("none", "null"):
            found[field.strip()] = None
    return found


def print_json(result: Any) -> None:
    """One JSON object on standard output."""
    click.echo(json.dumps(result, indent=2, allow_nan=False))


def figure(value: float | None, unit: str = "", digits: int = 2) -> str:
    """A number for people; None and infinity are what a perfect result has."""
    if value is None or (isinstance(value, float) and math.isinf(value)):
        return "∞" + (f" {unit}" if unit else "")
    return f"{value:,.{digits}f}{unit and ' ' + unit}"


def size(count: int) -> str:
    """Bytes for people."""
    for unit, scale in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if count >= scale:
            return f"{count / scale:.2f} {unit}"
    return f"{count} bytes"


def table(rows: Mapping[str, str]) -> None:
    """Two aligned columns."""
    width = max(map(len, rows), default=0)
    for name, value in rows.items():
        click.echo(f"  {name:<{width}}  {value}")


@contextmanager
def bar() -> Iterator[None]:
    """Draw the progress of the work inside on standard error, where that is a terminal; print warnings as sentences."""
    with warnings.catch_warnings():
        warnings.showwarning = lambda message, *_, **__: click.echo(f"hypress: note: {message}", err=True)
        warnings.simplefilter("default")
        if not sys.stderr.isatty():
            yield
            return
        from rich.console import Console
        from rich.progress import (
            BarColumn,
            Progress,
            TaskID,
            TextColumn,
            TimeElapsedColumn,
            TimeRemainingColumn,
        )

        from hypress.progress import Step, listen

        columns = (
            TextColumn("{task.description}"),
            BarColumn(),
            TextColumn("{task.percentage:>3.0f} %"),
            TextColumn("{task.fields[speed]}"),
            TextColumn("{task.fields[note]}"),
            TimeElapsedColumn(),
            TextColumn("left"),
            TimeRemainingColumn(),
        )
        drawn: dict[str, TaskID] = {}
        with Progress(*columns, console=Console(stderr=True), transient=True) as progress:

            def draw(step: Step) -> None:
                if step.task not in drawn or step.done == 0:
                    drawn[step.task] = progress.add_task(step.task, total=step.total, speed="", note="")
                speed = f"{step.done / step.seconds / 1e6:.1f} M{step.unit}/s" if step.done and step.seconds else ""
                progress.update(drawn[step.task], completed=step.done, speed=speed, note=step.note)

            with listen(draw):
                yield
