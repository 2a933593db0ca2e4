"""`python -m ferbench`."""

import sys

from ferbench.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
