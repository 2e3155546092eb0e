"""`python -m gitreg`: the command line."""

from gitreg.cli import main

main()
