"""A file system that stops answering when told to, as a dead NFS or sshfs mount does. Needs root and /dev/fuse.

    hanging_fs.py DIRECTORY        mounts; "ready" on standard output, then it answers until a line comes in
    hanging_fs.py --mmap DIRECTORY a process with a thread that hangs in mmap() on it, holding the memory map's lock

Below DIRECTORY are the files f and jsonl files as other tests name them; all hold zeros. A write is taken and never
answered, so that a mapping that was written to cannot be given back. Raw /dev/fuse (linux/fuse.h), no library.

Whoever reads the cmdline of such a process waits, `ps` too: tests that use it keep it short and run alone.
"""

import contextlib
import ctypes
import os
import select
import signal
import struct
import subprocess
import sys
import threading
import time

LIBC = ctypes.CDLL(None, use_errno=True)
MS_NOSUID, MS_NODEV, MNT_DETACH = 2, 4, 2
LOOKUP, FORGET, GETATTR, OPEN, READ, WRITE, RELEASE, FLUSH, INIT, OPENDIR, READDIR, RELEASEDIR, ACCESS, INTERRUPT = (
    1, 2, 3, 14, 15, 16, 18, 25, 26, 27, 28, 29, 34, 36)
ROOT = 1
DIRECT_IO, KEEP_CACHE = 1, 2
SIZE = 65536


class Server:
    def __init__(self, directory):
        self._names = {ROOT: ""}  # inode to its path
        self._inodes = {"": ROOT}
        self._fuse = os.open("/dev/fuse", os.O_RDWR)
        options = f"fd={self._fuse},rootmode=40777,user_id=0,group_id=0,allow_other"
        if LIBC.mount(b"hanging_fs", os.fsencode(directory), b"fuse", MS_NOSUID | MS_NODEV, options.encode()) != 0:
            raise OSError(ctypes.get_errno(), "mount")

    def serve(self):
        print("ready", flush=True)
        answering = True
        while True:
            readable, _, _ = select.select([self._fuse] + [0] * answering, [], [])
            if 0 in readable:
                os.read(0, 100)
                answering = False
                print("hangs", flush=True)
                continue
            try:
                request = os.read(self._fuse, 256 * 1024)
            except OSError:
                return  # unmounted
            _, opcode, unique, node = struct.unpack_from("<IIQQ", request)
            if answering:
                self._answer(opcode, unique, node, request[40:])

    def _reply(self, unique, body=b"", error=0):
        os.write(self._fuse, struct.pack("<IiQ", 16 + len(body), error, unique) + body)

    def _attributes(self, node):
        directory = "." not in self._names[node] and self._names[node] != "f"
        mode = 0o40777 if directory else 0o100666
        now = int(time.time())
        return struct.pack("<6Q10I", node, SIZE, SIZE // 512, now, now, now, 0, 0, 0, mode, 1, 0, 0, 0, 4096, 0)

    def _answer(self, opcode, unique, node, body):
        if opcode == INIT:
            self._reply(unique, struct.pack("<IIIIHHIIHHI28x", 7, 31, 0, 0, 16, 12, 4096, 1, 0, 0, 0))
        elif opcode == LOOKUP:
            name = body.split(b"\0")[0].decode()
            path = f"{self._names[node]}/{name}".lstrip("/") if self._names[node] else name
            inode = self._inodes.setdefault(path, len(self._inodes) + ROOT)
            self._names[inode] = path
            self._reply(unique, struct.pack("<QQQQII", inode, 0, 0, 0, 0, 0) + self._attributes(inode))
        elif opcode == GETATTR:
            self._reply(unique, struct.pack("<QII", 0, 0, 0) + self._attributes(node))
        elif opcode in (OPEN, OPENDIR):
            # Direct: mmap() of it first has the kernel write back what others mapped and changed.
            direct = DIRECT_IO if struct.unpack_from("<I", body)[0] & os.O_SYNC == os.O_SYNC else 0
            self._reply(unique, struct.pack("<QII", 1, KEEP_CACHE | direct, 0))
        elif opcode == READ:
            self._reply(unique, bytes(min(struct.unpack_from("<I", body, 16)[0], SIZE)))
        elif opcode in (RELEASE, RELEASEDIR, FLUSH, ACCESS, READDIR):
            self._reply(unique)
        elif opcode not in (WRITE, FORGET, INTERRUPT):
            self._reply(unique, error=-38)


def hang_in_mmap(directory):
    """Maps a file and writes to it, then maps it again: the kernel waits for the write, the map's lock in its hand."""
    path = os.path.join(directory, "f")
    LIBC.mmap.restype = ctypes.c_void_p
    LIBC.mmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int, ctypes.c_int, ctypes.c_int, ctypes.c_long]

    def hang():
        shared = LIBC.mmap(None, 4096, 3, 1, os.open(path, os.O_RDWR), 0)
        ctypes.memset(shared, 1, 1)
        direct = os.open(path, os.O_RDWR | os.O_SYNC)
        print(threading.get_native_id(), flush=True)
        LIBC.mmap(None, 4096, 1, 2, direct, 0)

    threading.Thread(target=hang, daemon=True).start()
    time.sleep(3600)


class HangingFs:
    """Mounted at `directory` while this lives."""

    def __init__(self, directory):
        self.directory = directory
        os.makedirs(directory, exist_ok=True)
        self._victims = []
        self._server = subprocess.Popen([sys.executable, __file__, directory], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, text=True)
        if self._server.stdout.readline() != "ready\n":
            raise RuntimeError("hanging_fs does not start")

    def stop_answering(self):
        self._server.stdin.write("\n")
        self._server.stdin.flush()
        self._server.stdout.readline()

    def start_victim(self, program=sys.executable):
        """The pid of a process whose memory map is held from here on."""
        victim = subprocess.Popen([program, __file__, "--mmap", self.directory], stdout=subprocess.PIPE, text=True)
        self._victims.append(victim)
        thread = int(victim.stdout.readline())
        deadline = time.monotonic() + 30
        while True:
            with open(f"/proc/{victim.pid}/task/{thread}/stat", encoding="utf-8") as stat:
                if stat.read().rsplit(")", 1)[1].split()[0] == "D":
                    return victim.pid
            if time.monotonic() > deadline:
                raise RuntimeError("the victim does not hang")
            time.sleep(0.02)

    def close(self):
        """Everything that waits for it is let go."""
        for victim in self._victims:
            victim.kill()
        self._server.kill()
        self._server.wait(20)
        LIBC.umount2(os.fsencode(self.directory), MNT_DETACH)
        for victim in self._victims:
            victim.wait(20)
            victim.stdout.close()
        for pipe in (self._server.stdin, self._server.stdout):
            with contextlib.suppress(OSError):
                pipe.close()


def usable():
    return os.geteuid() == 0 and os.path.exists("/dev/fuse")


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    if sys.argv[1] == "--mmap":
        hang_in_mmap(sys.argv[2])
    else:
        Server(sys.argv[1]).serve()
