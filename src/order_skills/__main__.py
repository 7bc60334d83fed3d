"""`python -m order_skills` is `order-skills`."""

import sys

from order_skills.cli import main

if __name__ == "__main__":
    sys.exit(main())
