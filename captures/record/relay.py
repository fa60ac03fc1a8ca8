"""A cable with a length: passes Ethernet frames between two TAP interfaces, each after a delay.

A network on one machine has no distance: a segment arrives before its sender has done anything else. Some things
can only be seen on a path that takes time (both ends closing at once, two ends that disagree about the state).
The kernel's own means for that, netem, is not in every kernel; these forty lines are.

A cable can also meddle: lose a frame, hold it back longer than the others, pass it twice, damage it. Set

    port.cable.meddle = lambda frame, outward: [(0, frame)]

to a function that gets each frame and whether it goes from the first end of the cable to the second, and tells what to
pass on instead: a list of (extra delay in seconds, frame). `[]` loses it. `Tcp(frame)` reads what such a function
most often asks for.
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
        self.meddle = None
        self.together = 0  # seconds; frames that follow each other by less arrive at once, all before they are answered
        self.ends = [_tap(first), _tap(second)]
        self.wake, self.waker = os.pipe()

    def run(self):
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1))  # this thread only: a busy machine must not delay frames
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
                frame = os.read(end, 65536)
                passed = self.meddle(frame, end == self.ends[0]) if self.meddle else [(0, frame)]
                for extra, frame in passed:
                    number += 1
                    heapq.heappush(underway, (now + self.delay + extra, number, other, frame))
            while underway and underway[0][0] <= time.monotonic() + self.together:
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


class Tcp:
    """The TCP segment in an Ethernet frame with IPv4: ports, seq, ack, flags (as a set of letters), payload. For
    another frame `flags` is None and the rest is 0 or empty."""

    LETTERS = "FSRPAU"

    def __init__(self, frame):
        self.source = self.destination = self.seq = self.ack = 0
        self.flags, self.payload = None, b""
        if frame[12:14] != b"\x08\x00" or frame[23] != 6:
            return
        at = 14 + (frame[14] & 15) * 4
        self.source, self.destination, self.seq, self.ack, head, flags = struct.unpack_from(">HHIIBB", frame, at)
        self.flags = {letter for bit, letter in enumerate(self.LETTERS) if flags >> bit & 1}
        end = 14 + struct.unpack_from(">H", frame, 16)[0]
        self.payload = frame[at + (head >> 4) * 4:end]


def _tap(name):
    file = os.open("/dev/net/tun", os.O_RDWR)
    fcntl.ioctl(file, TUNSETIFF, struct.pack("16sH22x", name.encode(), TAP | WITHOUT_HEADER))
    return file
