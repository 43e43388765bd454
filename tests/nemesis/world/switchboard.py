# A network of one's own for a few nodes: each gets a namespace with one interface, and every frame
# between them goes through this process, which may delay it, let frames overtake each other, or
# send them twice. Commands and answers are lines of JSON. All of it ends with its standard input.
import ctypes
import fcntl
import heapq
import json
import os
import random
import select
import signal
import socket
import struct
import subprocess
import sys
import time

CLONE_NEWNET = 0x40000000
PR_SET_PDEATHSIG = 1
TUNSETIFF = 0x400454CA
IFF_TAP_NO_PI = 0x0002 | 0x1000
FRAME_BYTES_MAX = 65_536
HELD_FRAMES_MAX = 20_000  # a network that is slower than what is sent loses the rest
libc = ctypes.CDLL(None, use_errno=True)


def open_port(address, channel):
    """In a child: makes the namespace, hands its interface to the parent, and holds it."""
    libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if libc.unshare(CLONE_NEWNET) != 0:
        raise OSError(ctypes.get_errno(), "no network namespace")
    tap = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
    fcntl.ioctl(tap, TUNSETIFF, struct.pack("16sH", b"wan0", IFF_TAP_NO_PI))
    for words in (
        ["ip", "link", "set", "lo", "up"],
        ["ip", "addr", "add", f"{address}/24", "dev", "wan0"],
        ["ip", "link", "set", "wan0", "up"],
    ):
        subprocess.run(words, check=True)
    socket.send_fds(channel, [b"up"], [tap])
    channel.close()
    signal.pause()


def start_port(address):
    ours, theirs = socket.socketpair()
    pid = os.fork()
    if pid == 0:
        ours.close()
        try:
            open_port(address, theirs)
        finally:
            os._exit(1)
    theirs.close()
    _, fds, _, _ = socket.recv_fds(ours, 16, 1)
    ours.close()
    if not fds:
        raise OSError("a port could not be opened")
    return pid, fds[0]


class Switch:
    def __init__(self, taps):
        self.taps = taps
        self.learned = {}
        self.held = []
        self.counter = 0
        self.rules = {"delayMs": 0, "jitterMs": 0, "twicePercent": 0}
        self.random = random.Random(1)

    def take(self, tap):
        for _ in range(64):
            try:
                frame = os.read(tap, FRAME_BYTES_MAX)
            except (BlockingIOError, OSError):
                return
            self.learned[frame[6:12]] = tap
            times = 2 if self.random.uniform(0, 100) < self.rules["twicePercent"] else 1
            for _ in range(times):
                self.hold(tap, frame)

    def hold(self, tap, frame):
        wait = self.rules["delayMs"] + self.random.uniform(0, self.rules["jitterMs"])
        if wait == 0 and not self.held:
            self.give(tap, frame)
        elif len(self.held) < HELD_FRAMES_MAX:
            self.counter += 1
            due = time.monotonic() + wait / 1000
            heapq.heappush(self.held, (due, self.counter, tap, frame))

    def give(self, source, frame):
        known = self.learned.get(frame[0:6])
        for tap in [known] if known is not None else self.taps:
            if tap != source:
                try:
                    os.write(tap, frame)
                except OSError:
                    pass  # a full queue loses frames, as networks do

    def release(self):
        now = time.monotonic()
        while self.held and self.held[0][0] <= now:
            _, _, tap, frame = heapq.heappop(self.held)
            self.give(tap, frame)

    def patience(self):
        return max(0, self.held[0][0] - time.monotonic()) if self.held else None


def main():
    ports = [start_port(address) for address in sys.argv[1:]]
    switch = Switch([tap for _, tap in ports])
    print(json.dumps({"pids": [pid for pid, _ in ports]}), flush=True)
    heard = b""
    while True:
        ready, _, _ = select.select([0, *switch.taps], [], [], switch.patience())
        if 0 in ready:
            some = os.read(0, FRAME_BYTES_MAX)
            if not some:
                break
            *lines, heard = (heard + some).split(b"\n")
            for line in lines:
                switch.rules.update(json.loads(line))
                print(json.dumps({"rules": switch.rules}), flush=True)
        for tap in ready:
            if tap != 0:
                switch.take(tap)
        switch.release()
    for pid, _ in ports:
        os.kill(pid, signal.SIGKILL)


main()
