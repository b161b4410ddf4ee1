"""`python -m flywheel.cli` is `flywheel`."""

from flywheel.cli import main

main()
