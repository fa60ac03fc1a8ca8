"""What is recorded. One function is one capture; add yours to the file of its subject.

    @scenario("name-of-the-capture", "What it shows, in a line", needs=["ping"],
              expect=["arp.request", "icmp.echo-reply"])
    def name_of_the_capture(lab):
        '''How it is made; this becomes the comment in the file.'''
        client, server = lab.host("client"), lab.host("server")
        at_client, _ = lab.link(client, "10.0.0.1/24", server, "10.0.0.2/24")
        lab.record(at_client)                  # from here on, all that passes is in the capture
        client.run("ping", "-c", "1", "10.0.0.2")

`expect` names the kinds of event that `pcaplain annotate --format json` must find in it. `shows` are promises that
another reader can check: display filters, each of which tshark must find in the file (`run check`; a pair
(filter, n) must be found in exactly n frames). `whole=False` says that the capture shows only part of its TCP
connections: one direction, or from the middle. Which claims and lessons a capture serves stands in
captures/syllabus.toml. Steps must come out the same each time: fixed ports, fixed waits far from any timer's edge, one
CPU (run sees to that). What cannot be fixed: times, initial sequence numbers, IP ids.
"""

import importlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Callable

SCENARIOS = {}


@dataclass
class Scenario:
    name: str
    title: str
    steps: Callable
    expect: list
    needs: list = field(default_factory=list)
    shows: list = field(default_factory=list)
    whole: bool = True

    @property
    def how(self):
        """The docstring as one paragraph."""
        return " ".join(self.steps.__doc__.split())


def scenario(name, title, expect, needs=(), shows=(), whole=True):
    def register(steps):
        SCENARIOS[name] = Scenario(name, title, steps, list(expect), list(needs), list(shows), whole)
        return steps
    return register


def load():
    """All scenarios by name, subject by subject: those of every file beside this one."""
    for file in sorted(Path(__file__).parent.glob("[a-z]*.py")):
        importlib.import_module(f"{__name__}.{file.stem}")
    return SCENARIOS
