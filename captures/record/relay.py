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
        self.now = 0  # the time on the cable: of the frame that is being passed on, or that was just read
        self.underway = []  # (when it arrives, number that keeps the order, file to write to, frame)
        self.taken = 0
        self.ends = [_tap(first), _tap(second)]
        self.wake, self.waker = os.pipe()

    def run(self):
        # This thread only, before all programs (lab.AT_ONCE): a busy machine must not delay frames.
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(3))
        while True:
            pause = max(0, self.underway[0][0] - time.monotonic()) if self.underway else None
            readable, _, _ = select.select([*self.ends, self.wake], [], [], pause)
            if self.wake in readable:
                return
            self.now = time.monotonic()
            self._take(readable)
            while self.underway and self.underway[0][0] <= time.monotonic() + self.together:
                self.now, _, end, frame = heapq.heappop(self.underway)
                try:
                    os.write(end, frame)
                except OSError:
                    pass  # the interface is down: a frame for nobody
                # What the kernel there answers has its time from the frame, however late this thread may have been:
                # lateness does not add up, and frames pass each other in the same order each time.
                while not self.together and (readable := select.select(self.ends, [], [], 0)[0]):
                    self._take(readable)

    def _take(self, readable):
        """Read a frame from each of these ends, and put it where it belongs among those underway."""
        for end in readable:
            other = self.ends[1 - self.ends.index(end)]
            frame = os.read(end, 65536)
            for extra, passed in self.meddle(frame, end == self.ends[0]) if self.meddle else [(0, frame)]:
                self.taken += 1
                heapq.heappush(self.underway, (self.now + self.delay + extra, self.taken, other, passed))

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
