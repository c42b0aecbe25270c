"""`repro completion SHELL`"""

from __future__ import annotations

import click

from repro.cli.options import verbosity

_SHELLS = ["bash", "zsh", "fish"]


@click.command()
@click.argument("shell", type=click.Choice(_SHELLS))
@verbosity
@click.pass_context
def command(ctx: click.Context, shell: str) -> None:
    """Print the completion script of a shell.

    \b
    bash:  repro completion bash >> ~/.bashrc
    zsh:   repro completion zsh >> ~/.zshrc
    fish:  repro completion fish > ~/.config/fish/completions/repro.fish
    """
    from click.shell_completion import get_completion_class

    kind = get_completion_class(shell)
    assert kind is not None
    click.echo(kind(ctx.find_root().command, {}, "repro", "_REPRO_COMPLETE").source())
