"""say.py LINE...: one notification."""

import sys

from inherited import notify

notify("\n".join(sys.argv[1:]))
