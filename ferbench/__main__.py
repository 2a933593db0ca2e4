"""`python -m ferbench`."""

import sys

from ferbench.cli.main import run_program

if __name__ == "__main__":
    sys.exit(run_program())
