"""`make soak`: run the soak, write its page, and fail when something happened that must not."""

import argparse
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.soaking import page
from benchmarks.soaking.course import soak

_SEED = 20_000


def main() -> int:
    """Run one soak; 1 when a repository is neither as wanted nor reported, or something else was touched."""
    parser = argparse.ArgumentParser(description="Write and follow many repositories while everything goes wrong.")
    parser.add_argument("--repositories", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=_SEED)
    parser.add_argument("--rate", type=float, default=0.08, help="share of the requests that something befalls")
    parser.add_argument("-o", dest="page", type=Path, help="write the page to this file as well")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        soaked = soak(options.repositories, options.seed, Path(folder), rate=options.rate)
    text = page.render(soaked, now=time.time())
    sys.stdout.write(text)
    if options.page is not None:
        options.page.write_text(text, encoding="utf-8")
    return 1 if soaked.verdict.breaches or soaked.calm else 0


if __name__ == "__main__":
    raise SystemExit(main())
