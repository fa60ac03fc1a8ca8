"""A link that is a program: two TUN interfaces, and whoever takes packets out of one and puts them into the other.

A TUN interface has no frame around its IP packets. What the link puts around them is the caller's business: that is
how captures come to link layers and tunnels that this kernel does not have, with packets inside that are real.
"""

import fcntl
import select
import struct

TUNSETIFF, TUN, WITHOUT_HEADER = 0x400454CA, 0x0001, 0x1000


class Tuns:
    """A TUN interface called `name` on each of two hosts."""

    def __init__(self, lab, name, first, first_address, second, second_address):
        self.lab, self.first, self.target = lab, first, second_address.partition("/")[0]
        self.ends = [self._end(host, name, address)
                     for host, address in ((first, first_address), (second, second_address))]

    def _end(self, host, name, address):
        file = host.within(lambda: open("/dev/net/tun", "r+b", buffering=0))
        self.lab.sockets.append(file)
        fcntl.ioctl(file, TUNSETIFF, struct.pack("16sH22x", name.encode(), TUN | WITHOUT_HEADER))
        host.run("ip", "addr", "add", address, "dev", name)
        host.run("ip", "link", "set", name, "up")
        return file

    def ping(self, carry):
        """The first host pings the second once. `carry(packet, outward)` gets the request (outward) and the reply, and
        returns what arrives of it."""
        process = self.first.start("ping", "-c", "1", "-W", "5", self.target)
        for outward in (True, False):
            here, there = self.ends if outward else reversed(self.ends)
            if not select.select([here], [], [], 5)[0]:
                raise RuntimeError("the ping did not come")
            there.write(carry(here.read(2000), outward))
        if process.wait(5):
            raise RuntimeError("the ping got no answer")
