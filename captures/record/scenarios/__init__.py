"""What is recorded. One function is one capture; add yours to the file of its subject.

    @scenario("name-of-the-capture", "What it shows, in a line", needs=["ping"],
              expect=["arp.request", "icmp.echo-reply"])
    def name_of_the_capture(lab):
        '''How it is made; this becomes the comment in the file.'''
        client, server = lab.host("client"), lab.host("server")
        at_client, _ = lab.link(client, "10.0.0.1/24", server, "10.0.0.2/24")
        lab.record(at_client)                  # from here on, all that passes is in the capture
        client.run("ping", "-c", "1", "10.0.0.2")

`expect` names the kinds of event that `pcaplain annotate --format json` must find in it; the claims of the notes
that it serves stand in claims.py. Steps must come out the same each time: fixed ports, fixed waits far from
any timer's edge, one CPU (run sees to that). What cannot be fixed: times, initial sequence numbers, IP ids.
"""

import importlib
from dataclasses import dataclass, field
from typing import Callable

from .claims import CLAIMS

SUBJECTS = ["arp", "ip", "tcp", "udp", "dns", "http"]
SCENARIOS = {}


@dataclass
class Scenario:
    name: str
    title: str
    steps: Callable
    expect: list
    needs: list = field(default_factory=list)

    @property
    def how(self):
        """The docstring as one paragraph."""
        return " ".join(self.steps.__doc__.split())

    @property
    def claims(self):
        return CLAIMS[self.name].split()


def scenario(name, title, expect, needs=()):
    def register(steps):
        SCENARIOS[name] = Scenario(name, title, steps, list(expect), list(needs))
        return steps
    return register


def load():
    """All scenarios by name, in the order of the subjects."""
    for subject in SUBJECTS:
        importlib.import_module(f"{__name__}.{subject}")
    return SCENARIOS
