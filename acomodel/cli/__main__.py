"""The command line as a module: ``python -m acomodel.cli``."""

from acomodel.cli import main

main()
