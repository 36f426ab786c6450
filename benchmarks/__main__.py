"""Run a benchmark, ``python -m benchmarks resume --json``, or a part, ``python -m benchmarks scaling --only plan``."""

import argparse
import importlib
import json
import os
import platform
from pathlib import Path


def main() -> None:
    """Run the named benchmark and print what it measured."""
    known = sorted(file.stem for file in Path(__file__).parent.glob("*.py") if not file.stem.startswith("_"))
    parser = argparse.ArgumentParser(prog="benchmarks", description=__doc__)
    parser.add_argument("name", choices=known)
    parser.add_argument("--json", action="store_true", help="print JSON for programs")
    parser.add_argument("--only", metavar="PART", help="measure one part, where a benchmark has several")
    arguments = parser.parse_args()
    module = importlib.import_module(f"benchmarks.{arguments.name}")
    parts = getattr(module, "PARTS", {})
    if arguments.only and arguments.only not in parts:
        parser.error(f"--only {arguments.only}: {arguments.name} has {', '.join(parts) or 'no parts'}")
    result = {arguments.only: parts[arguments.only]()} if arguments.only else module.measure()
    result["machine"] = f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}"
    print(json.dumps(result, indent=1) if arguments.json else "\n".join(f"{k}: {v}" for k, v in result.items()))


if __name__ == "__main__":
    main()
