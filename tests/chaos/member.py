"""`profile-consumer run` as a member of a run: with a small limit of metadata, and with a planted bug if one is named.

python -m tests.chaos.member METADATA_LIMIT PLANT run
"""

from __future__ import annotations

import sys

from consumer.__main__ import main
from consumer.core import commit_metadata
from tests.chaos import plants


def _begin() -> None:
    limit, plant = sys.argv[1:3]
    del sys.argv[1:3]
    commit_metadata.LIMIT = int(limit)
    if plant != plants.NONE:
        plants.PLANTS[plant]()
    main()


if __name__ == "__main__":
    _begin()
