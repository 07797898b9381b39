"""How long the demo takes, and what its service weighs at the end.

Run it as ``python benchmarks/demo_run.py``; Linux only, since it reads ``/proc``. It prints one line a figure, then
the demo's own output.
"""

from __future__ import annotations

import re
import signal
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

MOST_SECONDS = 900


def main() -> int:
    """Run the demo until its service stays up, weigh the service, end the demo; answers the demo's exit code."""
    with tempfile.TemporaryDirectory() as kept, tempfile.TemporaryFile("w+") as errors:
        data = Path(kept) / "data"
        started = time.monotonic()
        demo = subprocess.Popen(
            [sys.executable, "-u", "-m", "driftwatch", "demo", "--data", str(data)],
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
        )
        watchdog = threading.Timer(MOST_SECONDS, demo.terminate)
        watchdog.start()
        output = []
        assert demo.stdout is not None
        for line in demo.stdout:
            output.append(line)
            if "until Ctrl-C" in line:
                break
        seconds = time.monotonic() - started
        watchdog.cancel()
        errors.seek(0)
        said = errors.read()
        if (found := re.search(r"process is (\d+)", said)) and demo.poll() is None:
            memory = Path(f"/proc/{found[1]}/status").read_text()
            now, peak = (re.search(rf"{name}:\s+(\d+)", memory) for name in ("VmRSS", "VmHWM"))
            assert now
            assert peak
            print(f"service memory  {int(now[1]) / 1024:.0f} MB, at most {int(peak[1]) / 1024:.0f} MB")
        print(f"duration        {seconds:.1f} s")
        print(f"data folder     {_megabytes(data):.0f} MB")
        print(f"environment     {_megabytes(Path(sys.prefix)):.0f} MB")
        demo.send_signal(signal.SIGINT)
        output.append(demo.stdout.read())
        print(said, *output, sep="")
        return demo.wait()


def _megabytes(folder: Path) -> float:
    return sum(file.lstat().st_size for file in folder.rglob("*") if file.is_file()) / 1e6


if __name__ == "__main__":
    sys.exit(main())
