"""A cable with a length: passes Ethernet frames between two TAP interfaces, each after a delay.

A network on one machine has no distance: a segment arrives before its sender has done anything else. Some things
can only be seen on a path that takes time (both ends closing at once, two ends that disagree about the state).
The kernel's own means for that, netem, is not in every kernel; these forty lines are.
"""

import fcntl
import heapq
import os
import select
import struct
import threading
import time

TUNSETIFF, TAP, WITHOUT_HEADER = 0x400454CA, 0x0002, 0x1000


class Relay(threading.Thread):
    """Forwards between the two new TAP interfaces named at its making until `close`."""

    def __init__(self, first, second, delay):
        super().__init__(daemon=True)
        self.delay = delay
        self.ends = [_tap(first), _tap(second)]
        self.wake, self.waker = os.pipe()

    def run(self):
        underway = []  # (when it arrives, number that keeps the order, file to write to, frame)
        number = 0
        while True:
            pause = max(0, underway[0][0] - time.monotonic()) if underway else None
            readable, _, _ = select.select([*self.ends, self.wake], [], [], pause)
            if self.wake in readable:
                return
            now = time.monotonic()
            for end in readable:
                other = self.ends[1 - self.ends.index(end)]
                number += 1
                heapq.heappush(underway, (now + self.delay, number, other, os.read(end, 65536)))
            while underway and underway[0][0] <= time.monotonic():
                _, _, end, frame = heapq.heappop(underway)
                try:
                    os.write(end, frame)
                except OSError:
                    pass  # the interface is down: a frame for nobody

    def close(self):
        """Stop; the interfaces vanish with their files."""
        os.write(self.waker, b".")
        if self.is_alive():
            self.join()
        for file in [*self.ends, self.wake, self.waker]:
            os.close(file)


def _tap(name):
    file = os.open("/dev/net/tun", os.O_RDWR)
    fcntl.ioctl(file, TUNSETIFF, struct.pack("16sH22x", name.encode(), TAP | WITHOUT_HEADER))
    return file
