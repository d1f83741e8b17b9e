"""Locks that fall free when their process dies, and whose files go when they are given back.

An interrupt waits until what is done here is done, see `interrupts`.
"""

from pathlib import Path

from filelock import BaseFileLock, Timeout

from stages.process.interrupts import short_lived


class HeldLocks:
    """Locks that this process takes inside the block, all of them given back at its end."""

    def __enter__(self) -> "HeldLocks":
        self._held: list[BaseFileLock] = []
        return self

    def take(self, lock: BaseFileLock) -> bool:
        """Take a lock; False where another process holds it."""
        try:
            take(lock, blocking=False)
        except Timeout:
            return False
        self._held.append(lock)
        return True

    def give_back(self, lock: BaseFileLock) -> None:
        """Give back a lock that was taken."""
        self._held.remove(lock)
        discard(lock)

    def __exit__(self, *_: object) -> None:
        while self._held:
            discard(self._held.pop())


def take(lock: BaseFileLock, *, blocking: bool = True) -> None:
    """Take a lock, whose file goes with this process; raises Timeout where it would block."""
    lock.acquire(blocking=blocking)
    short_lived.add(Path(lock.lock_file))


def discard(lock: BaseFileLock) -> None:
    """Release a lock and remove its file; a process that waits for it makes a new one."""
    file = Path(lock.lock_file)
    short_lived.discard(file)  # first: one of this name may soon be another's
    file.unlink(missing_ok=True)
    lock.release()
