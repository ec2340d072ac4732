"""Run every benchmark of this folder, print the figures, keep them with the machine they were taken on."""

import datetime
import importlib
import os
import pkgutil
import platform
import sys
import traceback
from pathlib import Path

from pipeline import files

FOLDER = Path(__file__).parent


def machine() -> dict:
    """What the figures were taken on."""
    model = platform.processor()
    if Path("/proc/cpuinfo").exists():
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        model = next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), model)
    return {"processor": model, "cores": os.cpu_count(), "machine": platform.machine(), "system": platform.platform(),
            "python": platform.python_version()}  # fmt: skip


def aims(results: dict, name: str = "") -> list[str]:
    """A line for every benchmark, or part of one, that has an aim: whether it held."""
    lines = []
    if "aim" in results and "held" in results:
        lines.append(f"{'held  ' if results['held'] else 'missed'}  {name}: aim {results['aim']}")
    for key, value in results.items():
        if isinstance(value, dict) and key != "aim":
            lines += aims(value, f"{name}.{key}" if name else key)
    return lines


def main() -> int:
    """Run them in order of name; 1 if one of them failed or there is none."""
    names = [module.name for module in pkgutil.iter_modules([str(FOLDER)]) if not module.name.startswith("_")]
    results, failed = {}, []
    where = machine()
    print(f"machine: {where['processor']}, {where['cores']} cores, {where['system']}, Python {where['python']}")
    for name in names:
        module = importlib.import_module(f"benchmarks.{name}")
        if not hasattr(module, "run"):
            continue
        print(f"\n{name}: {(module.__doc__ or '').strip().splitlines()[0] if module.__doc__ else ''}", flush=True)
        try:
            results[name] = module.run()
        except Exception:
            traceback.print_exc()
            failed.append(name)
            continue
        for key, value in results[name].items():
            print(f"  {key}: {value:.4g}" if isinstance(value, float) else f"  {key}: {value}", flush=True)
    print("\naims:")
    for line in aims(results):
        print(f"  {line}")
    taken = datetime.datetime.now(datetime.timezone.utc).strftime("%Y%m%dT%H%M%SZ")
    file = FOLDER / "results" / f"{taken}.json"
    files.write_json(file, {"taken": taken, "machine": where, "results": results, "failed": failed})
    print(f"\nkept in {file.relative_to(FOLDER.parent)}")
    if failed or not results:
        print(f"failed: {', '.join(failed) or 'there is no benchmark'}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
