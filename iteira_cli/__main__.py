"""`python -m iteira_cli` is `iteira`."""

from iteira_cli.app import main

main()
