"""Asks a server for long, while policies change and engines die: every answer is as configured, memory is flat.

`python -m tests.server.soak SECONDS [RATE]` prints a line for each 20 seconds, and ends with 1 where something was
wrong. A short run is among the slow tests.
"""

from __future__ import annotations

import http.client
import json
import os
import statistics
import sys
import tempfile
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .conftest import POLICY, pod, review
from .test_command import Served

CLIENTS = 4
WINDOW = 20.0
"""Seconds from one change of policies to the next."""
KILLED = 60.0
"""Seconds from one death of the engine to the next."""
GROWTH = 1.25
"""How much larger the server's memory may be in the last quarter than in the second."""
BAD = json.dumps(review(pod(hostNetwork=True))).encode()
GOOD = json.dumps(review(pod())).encode()


@dataclass
class Count:
    """What came of the requests of one window."""

    seconds: list[float] = field(default_factory=list)
    decided: int = 0
    undecided: int = 0
    wrong: list[str] = field(default_factory=list)


def ask(served: Served, count: list[Count], ends: float, pause: float) -> None:
    """One client: it asks, in turn, about what must be denied and what must be admitted."""
    connection, bad = served.connect(), False
    while (began := time.monotonic()) < ends:
        bad = not bad
        now = count[-1]
        try:
            connection.request(
                "POST", "/v1/admit?timeout=5s", BAD if bad else GOOD, {"Content-Type": "application/json"}
            )
            response = json.loads(connection.getresponse().read())["response"]
        except (OSError, http.client.HTTPException, ValueError, KeyError) as error:
            now.wrong.append(repr(error))
            connection.close()
            connection = served.connect()
            continue
        now.seconds.append(time.monotonic() - began)
        note(now, response, bad=bad)
        time.sleep(max(0.0, pause - (time.monotonic() - began)))
    connection.close()


def note(count: Count, response: dict[str, Any], *, bad: bool) -> None:
    """Counts one answer: while an engine starts, the failure policy (`fail`) refuses with the code 500."""
    if response["allowed"] is not bad:
        count.decided += 1
    elif not response["allowed"] and response["status"]["code"] == 500:
        count.undecided += 1
    else:
        count.wrong.append(json.dumps(response)[:200])


def engines_of(process: int) -> list[int]:
    """The children that are engines, whichever thread has started them."""
    threads = Path(f"/proc/{process}/task").glob("*/children")
    children = [int(one) for thread in threads for one in thread.read_text().split()]
    return [one for one in children if "attest-engine" in Path(f"/proc/{one}/cmdline").read_text()]


def memory(process: int) -> int:
    """Bytes that a process and its engines hold."""
    statuses = [Path(f"/proc/{one}/status").read_text() for one in (process, *engines_of(process))]
    return sum(
        int(line.split()[1]) << 10 for text in statuses for line in text.splitlines() if line.startswith("VmRSS")
    )


def soak(
    folder: Path,
    seconds: float,
    rate: float,
    *,
    window: float = WINDOW,
    killed_every: float = KILLED,
    growth: float = GROWTH,
) -> bool:
    """Runs it with so many requests a second; whether all was well."""
    (folder / "home").mkdir()
    served = Served(folder, folder / "home", "--no-tls", "--drain", "0", "--decision-log", folder / "decisions.jsonl")
    began = time.monotonic()
    counts, held = [Count()], list[int]()
    arguments = (served, counts, began + seconds, CLIENTS / rate)
    clients = [threading.Thread(target=ask, args=arguments) for _ in range(CLIENTS)]
    for one in clients:
        one.start()
    killed = began
    while time.monotonic() + window / 2 < began + seconds:
        time.sleep(window)
        held.append(memory(served.process.pid))
        tell(counts[-1], held[-1], time.monotonic() - began)
        counts.append(Count())
        (folder / "own.rego").write_text(f"{POLICY}\n# {len(counts)}\n")
        if time.monotonic() - killed >= killed_every:
            os.kill(engines_of(served.process.pid)[0], 9)
            killed = time.monotonic()
    for one in clients:
        one.join()
    code, said = served.end()
    return verdict(counts, held, code, said) <= growth


def tell(count: Count, held: int, at: float) -> None:
    """Prints what came of a window."""
    ordered = sorted(count.seconds) or [0.0]
    p99 = ordered[min(len(ordered) - 1, int(0.99 * len(ordered)))]
    print(
        f"{at:6.0f} s  {count.decided} decided, {count.undecided} undecided, {len(count.wrong)} wrong, "
        f"p50 {statistics.median(ordered) * 1000:.1f} ms, p99 {p99 * 1000:.1f} ms, {held >> 20} MiB",
        flush=True,
    )


def verdict(counts: list[Count], held: list[int], code: int, said: str) -> float:
    """Says what was wrong; the factor by which memory grew, or infinity where something else was wrong."""
    wrong = [text for count in counts for text in count.wrong]
    quarter = max(1, len(held) // 4)
    grown = statistics.median(held[-quarter:]) / statistics.median(held[quarter : 2 * quarter] or held)
    print(f"{len(wrong)} wrong answers, memory by the factor {grown:.2f}, exit code {code}")
    print("\n".join(wrong[:10]))
    if "Traceback" in said:
        print(said)
    return grown if not wrong and code == 0 and "Traceback" not in said else float("inf")


def main(arguments: list[str]) -> int:
    """Runs for so many seconds, at so many requests a second."""
    seconds = float(arguments[0]) if arguments else 600.0
    rate = float(arguments[1]) if len(arguments) > 1 else 100.0
    with tempfile.TemporaryDirectory() as folder:
        return 0 if soak(Path(folder), seconds, rate) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
