"""The command line: one file here is one command.

A command's module imports nothing but click at its top, so that help is instant; it defines `command`.
"""

from __future__ import annotations

import importlib
import pkgutil
import sys

import click

from hypress.errors import HypressError


class Commands(click.Group):
    """Commands are the modules of this package, imported when asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Their names, sorted."""
        return sorted(m.name for m in pkgutil.iter_modules(__path__) if not m.name.startswith("_"))

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """One command, or None."""
        if cmd_name not in self.list_commands(ctx):
            return None
        found: click.Command = importlib.import_module(f"{__name__}.{cmd_name}").command
        return found


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(package_name="hypress")
def group() -> None:
    """Compress hyperspectral scenes: real files, kept promises, honest numbers."""


def main() -> None:
    """Entry point. Every failure is one sentence on standard error, and exit code 2."""
    try:
        code = group(standalone_mode=False)
        sys.exit(code if isinstance(code, int) else 0)
    except (click.Abort, KeyboardInterrupt):
        _fail("interrupted; an unfinished store goes on with --resume", 130)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except HypressError as error:
        _fail(str(error), 2)
    except MemoryError:
        _fail("there is not enough memory; use smaller tiles (--tile) or fewer workers (--workers)", 2)
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        _fail(f"{where}{error.strerror or error}", 2)


def _fail(message: str, code: int) -> None:
    click.echo(f"hypress: {' '.join(message.split())}", err=True)
    sys.exit(code)
