"""What this machine can do while we measure: durable writes per second, and how far two processes scale."""

import multiprocessing
import os
import subprocess
import tempfile
import time
from pathlib import Path

_SOURCE = """
#define _GNU_SOURCE
#include <dlfcn.h>
#include <unistd.h>
static int slow(const char *name, int fd) {
  int (*real)(int) = dlsym(RTLD_NEXT, name);
  usleep(%d);
  return real(fd);
}
int fsync(int fd) { return slow("fsync", fd); }
int fdatasync(int fd) { return slow("fdatasync", fd); }
"""


def fsyncs_per_second(seconds: float = 1.0, folder: str | None = None) -> float:
    """4 kB appended and synced, again and again."""
    with tempfile.NamedTemporaryFile(dir=folder) as file:
        count, start = 0, time.perf_counter()
        while time.perf_counter() - start < seconds:
            os.write(file.fileno(), b"x" * 4096)
            os.fdatasync(file.fileno())
            count += 1
        return count / (time.perf_counter() - start)


def cpu_scaling(seconds: float = 1.0) -> float:
    """Work done by two busy processes at once over the work of one; 2.0 is a machine of our own."""
    with multiprocessing.get_context("spawn").Pool(2) as pool:
        alone = pool.apply(_spin, (seconds,))
        both = sum(pool.map(_spin, [seconds, seconds], chunksize=1))
    return both / alone


def _spin(seconds: float) -> int:
    count, start = 0, time.perf_counter()
    while time.perf_counter() - start < seconds:
        sum(range(1000))
        count += 1
    return count


def slow_fsync_library(folder: Path, microseconds: int) -> Path | None:
    """A library that, preloaded, adds this much to each fsync; None where there is no C compiler."""
    source, library = folder / "slow.c", folder / f"slow{microseconds}.so"
    source.write_text(_SOURCE % microseconds)
    try:
        subprocess.run(["cc", "-shared", "-fPIC", "-o", library, source, "-ldl"], check=True, capture_output=True)
    except (FileNotFoundError, subprocess.CalledProcessError):
        return None
    return library
