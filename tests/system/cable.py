"""The wire between a worker and its server, which a test can cut: a TCP relay on a port of its own."""

import socket
import struct
import threading

CUTS = ("reset", "silent", "deaf", "mute", "half")


class Cable:
    """Relays to `target` (host:port). While it is cut:

    reset    connections are reset, and each new one, too
    silent   nothing passes, nothing ends
    deaf     the worker hears nothing; what it says arrives
    mute     the worker hears all; what it says does not arrive
    half     the worker's side is told to have ended towards the server; nothing new passes
    """

    def __init__(self, target):
        host, _, port = target.rpartition(":")
        self._target = (host, int(port))
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.address = "127.0.0.1:{}".format(self._listening.getsockname()[1])
        self._mutex = threading.Lock()
        self._pairs = set()
        self._half_ended = set()  # those of which one direction has ended
        self._how = None
        self._ended = False
        # Set while what the worker says, and what it is to hear, passes.
        self._passes = {"up": threading.Event(), "down": threading.Event()}
        for gate in self._passes.values():
            gate.set()
        threading.Thread(target=self._listen, daemon=True).start()

    def cut(self, how):
        assert how in CUTS
        with self._mutex:
            self._how = how
            pairs = list(self._pairs)
        if how in ("silent", "deaf", "half"):
            self._passes["down"].clear()
        if how in ("silent", "mute"):
            self._passes["up"].clear()
        for pair in pairs:
            if how == "reset":
                self._reset(pair)
            elif how == "half":
                self._say_end(pair)

    def heal(self):
        """What could not pass until now does, if those at its ends are still there."""
        with self._mutex:
            self._how = None
        for gate in self._passes.values():
            gate.set()

    def close(self):
        self._ended = True
        self._listening.close()
        with self._mutex:
            pairs = list(self._pairs)
        for pair in pairs:
            self._reset(pair)
        self.heal()

    def _listen(self):
        while True:
            try:
                worker, _ = self._listening.accept()
            except OSError:
                return
            with self._mutex:
                refuses = self._how in ("reset", "half")
            try:
                server = None if refuses else socket.create_connection(self._target)
            except OSError:
                server = None
            if server is None:
                self._close_hard(worker)
                continue
            for end in (worker, server):
                end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            pair = (worker, server)
            with self._mutex:
                self._pairs.add(pair)
            for source, sink, gate in ((worker, server, "up"), (server, worker, "down")):
                threading.Thread(target=self._relay, args=(pair, source, sink, self._passes[gate]),
                                 daemon=True).start()

    def _relay(self, pair, source, sink, gate):
        try:
            while True:
                gate.wait()
                part = source.recv(65536)
                gate.wait()
                if not part:
                    break
                sink.sendall(part)
            sink.shutdown(socket.SHUT_WR)  # an end in order; the other direction may go on
        except OSError:
            self._reset(pair)
            return
        with self._mutex:
            self._half_ended ^= {pair}
            over = pair not in self._half_ended
        if over:
            self._reset(pair)

    def _say_end(self, pair):
        try:
            pair[1].shutdown(socket.SHUT_WR)
        except OSError:
            pass

    def _reset(self, pair):
        with self._mutex:
            known = pair in self._pairs
            self._pairs.discard(pair)
        if known:
            for end in pair:
                self._close_hard(end)

    @staticmethod
    def _close_hard(end):
        try:
            end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            end.shutdown(socket.SHUT_RDWR)  # wakes who reads it
        except OSError:
            pass
        end.close()
