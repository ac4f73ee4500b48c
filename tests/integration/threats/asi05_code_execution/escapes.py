"""Attempts to get out of a cage; run as a program, it prints which of them succeeded and which were made.

Each attempt is the body of a function that runs inside and returns whether it got what it wanted;
what happened outside (a file changed, a connection came, a process died) is looked at outside.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import textwrap
from pathlib import Path

from pilothouse.engine.confine import Bounds, Cage, Ended, Mount, confined

MIB = 1024 * 1024
SYSCALLS = {  # x86_64, aarch64
    "unshare": (272, 97), "mount": (165, 40), "pivot_root": (155, 41), "setns": (308, 268),
    "clone": (56, 220),
    "ptrace": (101, 117), "process_vm_readv": (310, 270), "pidfd_open": (434, 434), "keyctl": (250, 219),
    "bpf": (321, 280), "io_uring_setup": (425, 425), "userfaultfd": (323, 282), "umount2": (166, 39),
    "perf_event_open": (298, 241), "open_by_handle_at": (304, 265), "fsopen": (430, 430),
    "clone3": (435, 435), "kexec_load": (246, 104), "init_module": (175, 105), "open_tree": (428, 428),
}  # fmt: skip

PRELUDE = """
import ctypes, errno, glob, json, os, platform, resource, signal
import socket, stat, subprocess, sys, threading, time
w = json.loads(sys.argv[1])
libc = ctypes.CDLL(None, use_errno=True)
CALLS = json.loads(sys.argv[2])
def call(name, *args):
    return libc.syscall(CALLS[name][0 if platform.machine() == "x86_64" else 1], *args)
def allowed(name, *args):
    return call(name, *args) >= 0 or ctypes.get_errno() != errno.EPERM
def connect(family, address, kind=socket.SOCK_STREAM):
    with socket.socket(family, kind) as s:
        s.settimeout(2)
        s.connect(address)
        s.send(b"escaped")
    return True
def read(path):
    with open(path, "rb") as file:
        return len(file.read(64)) > 0
def status(field):
    return open('/proc/self/status').read().split(field)[1].split()[0]
def write(path):
    with open(path, "ab") as file:
        file.write(b"escaped")
    return True
def attempt():
"""
ENDING = """
try:
    got = attempt()
except BaseException as error:
    got = False
    print(type(error).__name__, error, file=sys.stderr)
print("ESCAPED" if got else "held", flush=True)
"""

ATTEMPTS: dict[str, str] = {
    # Files
    "read the accounts' passwords": "return read('/etc/shadow')",
    "read the accounts": "return read('/etc/passwd')",
    "read a file that everybody may read": "return read(w['secret'])",
    "read the secret through /proc/1/root": "return read('/proc/1/root' + w['secret'])",
    "read the secret through /proc/self/cwd": "return read('/proc/self/cwd/../' + w['secret'])",
    "list the home folder": "return bool(os.listdir(w['home']))",
    "list the project": "return bool(os.listdir(w['project']))",
    "list the root folder": "return any(n in ('home', 'root', 'var') for n in os.listdir('/'))",
    "write into a folder that everybody may write": "return write(w['open'] + '/new')",
    "write over this package": "return write(w['package'])",
    "write beside the packages": "return write(w['site'] + '/evil.pth')",
    "write into /usr": "return write('/usr/bin/evil')",
    "write into the root folder": "return write('/evil')",
    "write the step inside": "return write('/.confine.py')",
    "write shared memory": "return write('/dev/shm/evil')",
    "make the readable mount writable": "os.chmod(w['shown'], 0o777); return write(w['shown'])",
    "leave the mount by ..": "return read(w['work'] + '/../../secret.txt')",
    "link to the secret and read it": """
        os.symlink(w['secret'], w['work'] + '/link'); return read(w['work'] + '/link')""",
    "leave a link for root to follow": """
        os.symlink(w['secret'], w['work'] + '/follow'); os.symlink('/', w['work'] + '/all'); return False""",
    "swap a folder for a link while writing": """
        for n in range(200):
            os.mkdir(w['work'] + '/d'); os.rmdir(w['work'] + '/d'); os.symlink(w['open'], w['work'] + '/d')
            try: write(w['work'] + '/d/swapped')
            except OSError: pass
            os.unlink(w['work'] + '/d')
        return False""",
    "hard link out of the readable mount": """
        os.link(w['shown'], w['work'] + '/hard'); return write(w['work'] + '/hard')""",
    "open by handle": """
        handle = (ctypes.c_char * 128)(); return call('open_by_handle_at', -100, handle, 0) >= 0""",
    # Other processes
    "see other processes": "return any(int(n) > 100 for n in os.listdir('/proc') if n.isdigit())",
    "read the parent's environment": "return b'CANARY' in open('/proc/%d/environ' % w['parent'],'rb').read()",
    "read the environment of process 1": "return b'CANARY' in open('/proc/1/environ', 'rb').read()",
    "find the secret in its own environment": "return any('CANARY' in v for v in os.environ.values())",
    "write the memory of process 1": "os.open('/proc/1/mem', os.O_RDWR); return True",
    "trace the parent": "return call('ptrace', 16, w['parent'], 0, 0) == 0",
    "trace itself": "return call('ptrace', 0, 0, 0, 0) == 0",
    "read the parent's memory": "return call('process_vm_readv', w['parent'], None, 0, None, 0, 0) == 0",
    "kill the victim": "os.kill(w['victim'], 9); return True",
    "kill everybody": "signal.signal(15, signal.SIG_IGN); os.kill(-1, 15); return False",
    "hold the victim by a descriptor": "return call('pidfd_open', w['victim'], 0) >= 0",
    "inherited files": "return len(os.listdir('/proc/self/fd')) > 4",
    "outlive the cage": """
        if os.fork() == 0:
            os.setsid()
            if os.fork() == 0:
                [os.close(n) for n in (0, 1, 2)]
                time.sleep(3); write(w['work'] + '/outlived')
            os._exit(0)
        return False""",
    "type into the terminal": "import fcntl; fcntl.ioctl(0, 0x5412, b'x'); return True",
    # Kernel and rights
    "become root": "os.setresuid(0, 0, 0); return w['root'] or os.getuid() == 0",
    "take another group": "os.setgroups([42]); return True",
    "take another account": "os.setresuid(1000, 1000, 1000); return True",
    "have a capability": "return int(status('CapEff:'), 16) != 0",
    "gain rights by execution": "return status('NoNewPrivs:') != '1'",
    "run a setuid program of its own": """
        path = w['work'] + '/id'
        open(path, 'wb').write(open('/usr/bin/id', 'rb').read()); os.chmod(path, 0o6755)
        said = subprocess.run([path, '-u'], capture_output=True, text=True).stdout.strip()
        return said == '0'""",
    "run a setuid program of the system": """
        said = subprocess.run(['/usr/bin/su', '-c', 'id -u'], capture_output=True, text=True, input='').stdout
        return said.strip() == '0'""",
    "make a user namespace": "return call('unshare', 0x10000000) == 0",
    "make a mount namespace": "return call('unshare', 0x00020000) == 0",
    "clone into a user namespace": """
        pid = call('clone', 0x10000000 | 17, 0, 0, 0, 0)
        if pid == 0: os._exit(0)
        return pid > 0""",
    "clone3 into a user namespace": """
        args = (ctypes.c_uint64 * 8)(0x10000000, 0, 0, 0, 17)
        pid = call('clone3', args, 64)
        if pid == 0: os._exit(0)
        return pid > 0""",
    "join another namespace": """
        return call('setns', os.open('/proc/1/ns/net', os.O_RDONLY), 0) == 0""",
    "mount a file system": "return call('mount', b'none', w['work'].encode(), b'tmpfs', 0, None) == 0",
    "open a file system": "return call('fsopen', b'tmpfs', 0) >= 0",
    "copy a mount": "return call('open_tree', -100, b'/', 1) >= 0",
    "take a mount away": "return call('umount2', b'/proc', 2) == 0",
    "change the root": "os.chroot('/tmp'); return True",
    "pivot the root": "return call('pivot_root', b'/tmp', b'/tmp') == 0",
    "make a device": "os.mknod('/tmp/mem', stat.S_IFCHR | 0o666, os.makedev(1, 1)); return True",
    "open a disk": "return any(read(p) for p in glob.glob('/dev/[sv]d*') + ['/dev/mem', '/dev/kmsg'])",
    "read the kernel's memory": "return read('/proc/kcore')",
    "press the system key": "return write('/proc/sysrq-trigger')",
    "change a kernel setting": "return write('/proc/sys/kernel/core_pattern')",
    "ask not to be killed": "open('/proc/self/oom_score_adj', 'w').write('-1000'); return True",
    "use the kernel's keys": "return call('keyctl', 0, -3, 1) >= 0",
    "load a program into the kernel": "return allowed('bpf', 0, None, 0)",
    "load a module": "return allowed('init_module', None, 0, None)",
    "use io_uring": "return call('io_uring_setup', 8, (ctypes.c_char * 120)()) >= 0",
    "use userfaultfd": "return call('userfaultfd', 1) >= 0",
    "watch the processor": "return call('perf_event_open', (ctypes.c_char * 120)(), 0, -1, -1, 0) >= 0",
    "call by the other numbers": """
        if platform.machine() != 'x86_64': return False
        return libc.syscall(0x40000000 + 39) > 0""",
    "name the machine": "socket.sethostname('evil'); return True",
    "raise a limit": """
        resource.setrlimit(resource.RLIMIT_NPROC, (100000, 100000)); return True""",
    "run first": "os.nice(-10); return True",
    "find host's shared memory": """
        return libc.shmget(w['shm'], 16, 0) >= 0""",
    # Network
    "connect to a local port": "return connect(socket.AF_INET, ('127.0.0.1', w['tcp']))",
    "connect to a local port over IPv6": "return connect(socket.AF_INET6, ('::1', w['tcp']))",
    "send a datagram": "return connect(socket.AF_INET, ('127.0.0.1', w['udp']), socket.SOCK_DGRAM)",
    "connect to the world": "return connect(socket.AF_INET, ('1.1.1.1', 53))",
    "resolve a name": "return bool(socket.getaddrinfo('example.org', 80))",
    "open a port": """
        s = socket.socket(); s.bind(('0.0.0.0', 0)); s.listen(); return True""",
    "send raw packets": "socket.socket(socket.AF_INET, socket.SOCK_RAW, 1); return True",
    "talk to the kernel's network": "socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0); return True",
    "talk to the machine below": "socket.socket(40, socket.SOCK_STREAM); return True",
    "use the kernel's ciphers": "socket.socket(38, socket.SOCK_SEQPACKET); return True",
    "connect to a unix socket": "return connect(socket.AF_UNIX, w['unix'])",
    "connect to an abstract unix socket": "return connect(socket.AF_UNIX, '\\0' + w['abstract'])",
    # Bombs: what counts is looked at outside
    "fork without end": """
        made = 0
        for _ in range(2000):
            if os.fork() == 0: time.sleep(30); os._exit(0)
            made += 1
        return made > 64""",
    "start threads without end": """
        made = [threading.Thread(target=time.sleep, args=(30,), daemon=True) for _ in range(500)]
        for one in made: one.start()
        return True""",
    "take memory without end": """
        held = []
        for _ in range(64): held.append(bytearray(64 << 20))
        return True""",
    "take memory by many processes": """
        for _ in range(8):
            if os.fork() == 0:
                held = bytearray(96 << 20)
                for n in range(0, len(held), 4096): held[n] = 1
                time.sleep(30); os._exit(0)
        time.sleep(20)
        return True""",
    "fill the private folder": """
        for n in range(200): open(f'/tmp/{n}', 'wb').write(bytes(1 << 20))
        return True""",
    "fill the work folder": """
        for n in range(400): open(w['work'] + f'/{n}', 'wb').write(bytes(1 << 20)); time.sleep(0.02)
        return True""",
    "write one huge file": "open(w['work'] + '/huge', 'wb').write(bytes(64 << 20)); return True",
    "spin for ever": """
        while True: pass""",
    "sleep for ever": """
        signal.signal(15, signal.SIG_IGN); time.sleep(60); return True""",
    "flood the output": """
        while True: sys.stdout.write('x' * 65536)""",
}  # fmt: skip


def program(body: str) -> str:
    lines = textwrap.dedent(body if body.startswith("\n") else "\n" + body).strip("\n")
    return PRELUDE + textwrap.indent(lines, "    ") + ENDING


class World:
    """What is outside of the cage, and must stay as it is."""

    def __init__(self, folder: Path, stack: contextlib.ExitStack) -> None:
        self.folder = folder
        folder.chmod(0o755)
        self.secret = folder / "secret.txt"
        self.secret.write_text("CANARY-in-a-file")
        self.secret.chmod(0o644)
        self.open = folder / "open"
        self.open.mkdir()
        self.open.chmod(0o777)
        self.shown = folder / "shown.txt"
        self.shown.write_text("shown")
        self.shown.chmod(0o644)
        self.victim = stack.enter_context(subprocess.Popen(["/usr/bin/sleep", "600"]))
        stack.callback(self.victim.kill)
        self.reached = 0
        self.sockets = [self._listen(stack, *spec) for spec in self._specs()]
        self.owner = self.secret.stat().st_uid
        self.package = Path(__file__)

    def _specs(self) -> list[tuple[int, int, object]]:
        return [
            (socket.AF_INET, socket.SOCK_STREAM, ("127.0.0.1", 0)),
            (socket.AF_INET, socket.SOCK_DGRAM, ("127.0.0.1", 0)),
            (socket.AF_UNIX, socket.SOCK_STREAM, str(self.folder / "unix")),
            (socket.AF_UNIX, socket.SOCK_STREAM, f"\0pilothouse-{os.getpid()}"),
        ]

    def _listen(self, stack: contextlib.ExitStack, family: int, kind: int, at: object) -> socket.socket:
        made = stack.enter_context(socket.socket(family, kind))
        made.bind(at)  # type: ignore[arg-type]
        if kind == socket.SOCK_STREAM:
            made.listen()
        made.setblocking(False)
        if family == socket.AF_UNIX and isinstance(at, str) and at.startswith("/"):
            Path(at).chmod(0o777)
        return made

    def told(self, work: Path) -> dict[str, object]:
        import pilothouse

        return {
            "secret": str(self.secret), "home": str(Path.home()), "project": str(self.folder), "shm": 0x5EC,
            "open": str(self.open), "package": str(pilothouse.__file__), "shown": "/room-shown/file.txt",
            "site": next(p for p in sys.path if p.endswith("site-packages")), "work": "/room",
            "parent": os.getpid(), "victim": self.victim.pid, "tcp": self.sockets[0].getsockname()[1],
            "udp": self.sockets[1].getsockname()[1], "unix": str(self.folder / "unix"),
            "abstract": f"pilothouse-{os.getpid()}", "root": False,
        }  # fmt: skip

    def changed(self) -> list[str]:
        """What an attempt changed out here."""
        found = [] if self.secret.read_text() == "CANARY-in-a-file" else ["the secret was changed"]
        found += [] if self.secret.stat().st_uid == self.owner else ["the secret has another owner"]
        found += [] if not list(self.open.iterdir()) else ["a file was written outside"]
        found += [] if self.victim.poll() is None else ["the victim is dead"]
        for one in self.sockets:
            with contextlib.suppress(BlockingIOError):
                one.recv(1) if one.type == socket.SOCK_DGRAM else one.accept()
                found.append("something was reached over a socket")
        return found


BOUNDS = Bounds(
    memory=256 * MIB, resident=300 * MIB, cpu_s=2, wall_s=8.0, processes=24, scratch=16 * MIB,
    file_bytes=32 * MIB, written=40 * MIB, output=MIB,
)  # fmt: skip


async def attempt(name: str, world: World) -> list[str]:
    """Make one attempt and return what it achieved."""
    work = world.folder / "work"
    work.mkdir()
    mounts = (Mount(path=work, at="/room", write=True), Mount(path=world.shown, at="/room-shown/file.txt"))
    argv = [str(Path(sys.executable).absolute()), "-I", "-S", "-c", program(ATTEMPTS[name])]
    argv += [json.dumps(world.told(work)), json.dumps(SYSCALLS)]
    ended: Ended = await confined(argv, cage=Cage(mounts=mounts, bounds=BOUNDS))
    if b"SyntaxError" in ended.stderr or (not ended.stdout and ended.why == "exit" and ended.code == 0):
        return [f"the attempt was not made: {ended.stderr[-300:]!r}"]
    if name == "outlive the cage":
        await asyncio.sleep(4)
    found = ["it says so"] if ended.stdout.rstrip().endswith(b"ESCAPED") else []
    found += world.changed()
    used = sum(p.lstat().st_blocks * 512 for p in work.rglob("*"))
    found += [] if used <= 2 * BOUNDS.written else [f"{used} bytes were written"]
    found += ["it outlived the cage"] if (work / "outlived").exists() else []
    found += [] if ended.seconds < BOUNDS.wall_s + 5 else [f"it ran {ended.seconds:.0f} s"]
    found += [] if len(ended.stdout) <= BOUNDS.output else ["it flooded us"]
    found += [f"{p} is not ours" for p in work.rglob("*") if p.lstat().st_uid != os.geteuid()]
    shutil.rmtree(work)
    return found


# What succeeds without a cage: an attempt that cannot succeed at all would prove nothing.
CONTROLS = (
    "read the accounts", "read a file that everybody may read", "list the home folder", "list the project",
    "list the root folder", "write into a folder that everybody may write", "see other processes",
    "read the parent's environment", "find the secret in its own environment",
    "hold the victim by a descriptor",
    "connect to a local port", "send a datagram", "open a port",
    "talk to the kernel's network", "connect to a unix socket", "connect to an abstract unix socket",
    "start threads without end",
)  # fmt: skip


def bare(world: World) -> list[str]:
    """Return the controls that fail without a cage."""
    failed: list[str] = []
    for name in CONTROLS:
        work = world.folder / "bare"
        work.mkdir(exist_ok=True)
        told = {**world.told(work), "work": str(work)}
        argv = [sys.executable, "-I", "-S", "-c", program(ATTEMPTS[name]), json.dumps(told)]
        ended = subprocess.run([*argv, json.dumps(SYSCALLS)], capture_output=True, check=False)
        failed += [] if b"ESCAPED" in ended.stdout else [f"{name}: {ended.stderr[-200:]!r}"]
    failed += [] if world.changed() else ["nothing of it was seen outside"]
    return failed


async def everything() -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    with contextlib.ExitStack() as stack:
        folder = Path(
            stack.enter_context(tempfile.TemporaryDirectory(prefix="pilothouse-escape-", dir="/tmp"))
        )
        world = World(folder, stack)
        for name in ATTEMPTS:
            found[name] = await attempt(name, world)
    return found


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    with contextlib.ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="pilothouse-control-", dir="/tmp"))
        controls = bare(World(Path(folder), stack))
    found = asyncio.run(everything())
    print(json.dumps({"account": os.geteuid(), "found": found, "controls": controls}))
