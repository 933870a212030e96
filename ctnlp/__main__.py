"""`python -m ctnlp` is `ctnlp`."""

import sys

from ctnlp.cli import main

sys.exit(main())
