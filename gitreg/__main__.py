"""`python -m gitreg`: the command line."""

import sys

if sys.argv[1:] == ["hooks", "run", "pre-receive"]:
    # Whoever pushes waits for this one: it does without the command line.
    from gitreg.registry.hooks.receive import main
else:
    from gitreg.cli import main

main()
