"""`python -m omen` is the command `omen`."""

import sys

from omen.cli.main import main

sys.exit(main())
