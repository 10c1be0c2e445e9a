#!/usr/bin/python3
"""Writes the dashboards, dashboards/*.json, from dashboards/source/.

    dashboards/generate.py [--check]     --check writes nothing and fails where a file is not what the source says
"""

import json
import pathlib
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.dont_write_bytecode = True
sys.path.insert(0, str(HERE / "source"))

import agent  # noqa: E402  (the path comes first)
import exporter  # noqa: E402
import fleet  # noqa: E402
import host  # noqa: E402
import sessions  # noqa: E402


def main(check):
    outdated = 0
    for module in (fleet, agent, host, sessions, exporter):
        path = HERE / f"{module.__name__}.json"
        text = json.dumps(module.dashboard().json(), indent=2, ensure_ascii=False) + "\n"
        if path.exists() and path.read_text(encoding="utf-8") == text:
            continue
        outdated += 1
        if check:
            print(f"{path.name} is not what dashboards/source says; run dashboards/generate.py", file=sys.stderr)
        else:
            path.write_text(text, encoding="utf-8")
            print(f"wrote {path.name}")
    return 1 if check and outdated else 0


if __name__ == "__main__":
    if sys.argv[1:] not in ([], ["--check"]):
        sys.exit(__doc__)
    sys.exit(main("--check" in sys.argv))
