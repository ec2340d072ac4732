"""`python -m pipeline <stage>`."""

from .cli import main

main()
