"""`python -m chat.cli`: the commands but `serve`, for launchers that want a module (accelerate)."""

from chat.cli import cli

if __name__ == "__main__":
    cli()
