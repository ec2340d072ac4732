"""Stand-ins for the base images, where no registry can be reached: Debian by mmdebstrap, CPython by copying the one that runs this.

    eval "$(sudo python tests/integration/stand_in_bases.py)"    # EDGESEG_BASE_...=... for everything that builds an image

`make()` returns that environment. What an engine holds already is not made again; a changed recipe is. Needs root, an engine, mmdebstrap
and, for arm64, QEMU registered with the kernel; raises Unavailable with the reason otherwise.

A local image has one platform, so a base that is wanted for two has two stand-ins, EDGESEG_BASE_<NAME>_<ARCH>. EDGESEG_APT_MIRROR comes
with them, since a machine that reaches no registry seldom reaches snapshot.debian.org.

**Which Python where.** `trainer` (base PYTHON) needs 3.10, because TF 2.10.1 has nothing later; no Debian suite has a CPython 3.10, so only
the amd64 one can be made here. `runtime` (base RUNTIME) needs 3.9, on both machines: stock libedgetpu 16 crashes with TF Lite 2.12 or
newer, and the last tflite-runtime before that, 2.11.0, has wheels for CPython 3.7, 3.8 and 3.9 only (manylinux2014, x86_64 and aarch64;
PyPI). For 3.10 and 3.11 there are 2.13 and 2.14 alone, and 2.14's aarch64 wheels want glibc 2.34. Its stand-in is bullseye with its own
python3.9.
"""

import hashlib
import io
import json
import os
import platform
import shlex
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import tempfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

REPOSITORY = "edgeseg-stand-in"
RECIPE = 1  # raised when the functions below make something else than before
LABEL = "edgeseg.stand-in"  # its value is the recipe's hash
MIRROR = "http://deb.debian.org/debian"  # as in the images that these stand in for
KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
# What the official python:slim images hold, and the libraries that CPython 3.10 is usually linked with.
PYTHON_LIBRARIES = ("ca-certificates", "netbase", "tzdata", "libbz2-1.0", "libcrypt1", "libexpat1", "libffi8", "liblzma5", "libncursesw6",
                    "libnsl2", "libreadline8", "libsqlite3-0", "libssl3", "libtirpc3", "libuuid1", "zlib1g")  # fmt: skip
PYTHON_39 = ("ca-certificates", "netbase", "tzdata", "python3", "python3-venv", "python3-pip")
# The official images have their Python in /usr/local.
LINKS = "for name in python3 pip3; do ln -s /usr/bin/$name /usr/local/bin/$name; ln -s $name /usr/local/bin/${name%3}; done"
LEFT_OUT = ("test", "idlelib", "tkinter", "turtledemo", "site-packages", "__pycache__", "config-3.10-x86_64-linux-gnu", "lib2to3/tests")
SELF_TEST = "import bz2, ctypes, lzma, readline, sqlite3, ssl, sys, uuid, venv, zlib; print('%d.%d' % sys.version_info[:2])"


class Unavailable(Exception):
    """Stand-ins cannot be made here; the text says why."""


@dataclass(frozen=True)
class Base:
    """One stand-in: the variable it is the value of, its name below REPOSITORY, and what is in it."""

    variable: str
    name: str
    suite: str
    architecture: str = "amd64"
    packages: tuple[str, ...] = ()
    python: str = ""  # "3.10": the running CPython, in /usr/local; "3.9": the suite's own
    on: str = ""  # made by installing the packages on this other stand-in, which under QEMU is faster than from nothing

    @property
    def reference(self) -> str:
        return f"{REPOSITORY}/{self.name}"


BASES = (
    Base("BOARD_ARM64", "arm64-debian:bullseye-slim", "bullseye", "arm64"),
    Base("DEBIAN_AMD64", "debian:bookworm-slim", "bookworm"),
    Base("PYTHON_AMD64", "python:3.10-slim-bookworm", "bookworm", packages=PYTHON_LIBRARIES, python="3.10"),
    Base("BOARD_AMD64", "debian:bullseye-slim", "bullseye"),
    Base("RUNTIME_ARM64", "arm64-python:3.9-slim-bullseye", "bullseye", "arm64", PYTHON_39, "3.9", "BOARD_ARM64"),
    Base("RUNTIME_AMD64", "python:3.9-slim-bullseye", "bullseye", "amd64", PYTHON_39, "3.9", "BOARD_AMD64"),
)


def make(program: str = "docker", *, only: tuple[str, ...] = ()) -> dict[str, str]:
    """Make what is missing with `program` (docker or podman, or a path to one); return the EDGESEG_BASE_... environment.

    `only`: the variables to make, without EDGESEG_BASE_ (all by default). Raises Unavailable.
    """
    wanted = [base for base in BASES if not only or base.variable in only]
    below = {base.on for base in wanted}
    engine = _engine(program)
    missing = [base for base in BASES if (base in wanted or base.variable in below) and not _there(engine, base)]
    if missing:
        _check(missing)
        for derived in (False, True):
            with ThreadPoolExecutor(2) as pool:
                for _ in pool.map(lambda base: _make(engine, base), [base for base in missing if bool(base.on) == derived]):
                    pass
    return {f"EDGESEG_BASE_{base.variable}": base.reference for base in wanted} | {"EDGESEG_APT_MIRROR": MIRROR}


def _engine(program: str) -> str:
    """The path of `program`, once it has answered."""
    path = shutil.which(program)
    if path is None:
        raise Unavailable(f"no {program} on PATH")
    answered = subprocess.run([path, "info"], capture_output=True, text=True, timeout=60)
    if answered.returncode:
        lines = (answered.stderr.strip() or answered.stdout.strip()).splitlines() or ["no reason given"]
        raise Unavailable(f"{program} does not answer: {lines[-1]}")
    return path


def _check(missing: list[Base]) -> None:
    """Raise Unavailable where the tools or the rights for `missing` are not there."""
    if os.geteuid() != 0:
        raise Unavailable("making base images needs root")
    for tool, package in (("mmdebstrap", "mmdebstrap"), ("ldconfig", "libc-bin")):
        if shutil.which(tool) is None and not Path(f"/usr/sbin/{tool}").exists() and not Path(f"/sbin/{tool}").exists():
            raise Unavailable(f"no {tool}: apt-get install {package}")
    if not KEYRING.exists():
        raise Unavailable(f"no {KEYRING}: apt-get install debian-archive-keyring")
    if platform.machine() != "x86_64":
        raise Unavailable(f"stand-ins are made on x86_64, this is {platform.machine()}")
    if any(base.architecture == "arm64" for base in missing) and not Path("/proc/sys/fs/binfmt_misc/qemu-aarch64").exists():
        raise Unavailable("arm64 programs do not run: apt-get install qemu-user-static binfmt-support, and mount binfmt_misc")
    if any(base.python == "3.10" for base in missing):
        if sys.version_info[:2] != (3, 10):
            raise Unavailable(f"the Python 3.10 base is made from a Python 3.10; this is {platform.python_version()}")
        if Path(sys.base_prefix) == Path("/usr"):
            raise Unavailable("the Python 3.10 base needs a CPython with a folder of its own (pyenv, uv); this one is the system's")


def _recipe(base: Base) -> str:
    """A hash that changes when the image would."""
    parts = [repr(base), str(RECIPE), LINKS, str(LEFT_OUT)]
    parts += [platform.python_version()] if base.python == "3.10" else [_recipe(under) for under in BASES if under.variable == base.on]
    return hashlib.sha256("".join(parts).encode()).hexdigest()[:16]


def _there(engine: str, base: Base) -> bool:
    """Whether `engine` holds `base` as it would be made now."""
    form = f'{{{{index .Config.Labels "{LABEL}"}}}}'
    found = subprocess.run([engine, "image", "inspect", "--format", form, base.reference], capture_output=True, text=True)
    if base.python == "3.10" and sys.version_info[:2] != (3, 10):  # another Python made it, and this one could not make it anew
        return found.returncode == 0
    return found.returncode == 0 and found.stdout.strip() == _recipe(base)


def _make(engine: str, base: Base) -> None:
    """Make it under a trial name; the real name moves to it only when its Python answers."""
    print(f"edgeseg: making {base.reference} ({base.architecture})", file=sys.stderr, flush=True)
    trial = f"{base.reference}-trial-{os.getpid()}"
    changes = ["CMD bash", f"LABEL {LABEL}={_recipe(base)}"]
    changes += ["ENV PATH=/usr/local/bin:/usr/local/sbin:/usr/sbin:/usr/bin:/sbin:/bin LANG=C.UTF-8"]
    options = [part for change in changes for part in ("--change", change)]
    try:
        (_installed if base.on else _debootstrapped)(engine, base, options, trial)
        if base.python:
            said = _call([engine, "run", "--rm", "--network", "none", trial, "python3", "-c", SELF_TEST]).strip()
            if said != base.python:
                raise Unavailable(f"{base.reference}: its Python is {said}, not {base.python}")
        before = subprocess.run([engine, "image", "inspect", "--format", "{{.Id}}", base.reference], capture_output=True, text=True)
        _call([engine, "tag", trial, base.reference])
        if before.returncode == 0:  # without --force: one that something was built on stays
            subprocess.run([engine, "image", "rm", before.stdout.strip()], capture_output=True)
    finally:
        subprocess.run([engine, "image", "rm", trial], capture_output=True)


def _debootstrapped(engine: str, base: Base, options: list[str], trial: str) -> None:
    """A root of its own by mmdebstrap, into a file and then into the engine."""
    with tempfile.TemporaryDirectory(prefix="edgeseg-base-") as work:
        archive = Path(work) / "root.tar"
        command = ["mmdebstrap", "--quiet", "--variant=minbase", f"--architectures={base.architecture}", f"--keyring={KEYRING}"]
        command += ["--skip=check/qemu"]  # it would ask for arch-test; _check has looked
        command += [f"--aptopt={option}" for option in _apt_options()]
        command += ["--dpkgopt=path-exclude=/usr/share/man/*", "--dpkgopt=path-exclude=/usr/share/locale/*"]
        command += [f"--include={','.join(base.packages)}"] if base.packages else []
        if base.python == "3.10":
            command += [f"--customize-hook=tar-in {shlex.quote(str(_python_310(Path(work))))} /usr/local"]
            command += ['--customize-hook=chroot "$1" ldconfig', '--customize-hook=chroot "$1" python3 -m ensurepip --default-pip']
        environment = {**os.environ, "SOURCE_DATE_EPOCH": "0", "DEBIAN_FRONTEND": "noninteractive", "TMPDIR": work, "PIP_NO_INDEX": "1"}
        for name in ("PIP_FIND_LINKS", "PIP_CERT", "PIP_CONFIG_FILE"):  # the host's, which mean nothing inside
            environment.pop(name, None)
        _call([*command, base.suite, str(archive), MIRROR], environment)
        arch = ["--arch", base.architecture, "--os", "linux"] if _podman(engine) else ["--platform", f"linux/{base.architecture}"]
        _call([engine, "import", *arch, *options, str(archive), trial])
        found = _call([engine, "image", "inspect", "--format", "{{.Architecture}}", trial]).strip()
        if found != base.architecture:
            _say_architecture(engine, base.architecture, trial, Path(work))


def _say_architecture(engine: str, architecture: str, trial: str, work: Path) -> None:
    """Docker 20.10 imports every image as this machine's; BuildKit would then look for another one for the platform that is asked for."""
    saved, changed = work / "saved.tar", work / "changed.tar"
    _call([engine, "save", "--output", str(saved), trial])
    with tarfile.open(saved) as old, tarfile.open(changed, "w") as new:
        manifest = json.load(old.extractfile("manifest.json"))
        before = manifest[0]["Config"]
        config = json.dumps(json.load(old.extractfile(before)) | {"architecture": architecture}).encode()
        manifest[0]["Config"] = f"{hashlib.sha256(config).hexdigest()}.json"
        for member in old:
            if member.name not in (before, "manifest.json"):
                new.addfile(member, old.extractfile(member) if member.isfile() else None)
        for name, content in ((manifest[0]["Config"], config), ("manifest.json", json.dumps(manifest).encode())):
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            new.addfile(entry, io.BytesIO(content))
    _call([engine, "load", "--input", str(changed)])


def _installed(engine: str, base: Base, options: list[str], trial: str) -> None:
    """The packages on the stand-in below, by its own apt in a container."""
    under = next(other for other in BASES if other.variable == base.on).reference
    name = f"edgeseg-stand-in-{base.architecture}-{os.getpid()}"
    settings = [option.rstrip(";").replace('"', "").replace(" ", "=", 1) for option in _apt_options()]
    apt = " ".join(["apt-get -qq", *(f"-o {shlex.quote(setting)}" for setting in settings)])
    script = [f"{apt} update", f"DEBIAN_FRONTEND=noninteractive {apt} install -y --no-install-recommends {' '.join(base.packages)}"]
    script += ["apt-get clean", "rm -rf /var/lib/apt/lists/*", LINKS]
    try:
        _call([engine, "run", "--name", name, "--network", "host", under, "sh", "-euc", "\n".join(script)])
        _call([engine, "commit", *options, name, trial])
    finally:
        subprocess.run([engine, "rm", "--force", "--volumes", name], capture_output=True)


def _podman(engine: str) -> bool:
    return Path(engine).name.startswith("podman")


def _python_310(work: Path) -> Path:
    """A tar file of the running CPython's own files, to be unpacked in /usr/local; its site-packages stay here."""
    prefix, archive = Path(sys.base_prefix), work / "python.tar"
    library = Path(sysconfig.get_path("stdlib", vars={"installed_base": str(prefix)}))
    with tarfile.open(archive, "w") as tar:
        tar.add(prefix / "bin" / "python3.10", "bin/python3.10")
        for name in ("python3", "python"):
            link = tarfile.TarInfo(f"bin/{name}")
            link.type, link.linkname = tarfile.SYMTYPE, "python3.10"
            tar.addfile(link)
        for shared in sorted((prefix / "lib").glob("libpython3.10.so*")):
            tar.add(shared, f"lib/{shared.name}")
        tar.add(prefix / "include" / "python3.10", "include/python3.10")
        tar.add(library, "lib/python3.10", filter=lambda entry: None if _left_out(entry.name) else _owned_by_root(entry))
        empty = tarfile.TarInfo("lib/python3.10/site-packages")
        empty.type, empty.mode = tarfile.DIRTYPE, 0o755
        tar.addfile(empty)
    return archive


def _left_out(name: str) -> bool:
    inside = name.removeprefix("lib/python3.10/")
    return inside in LEFT_OUT or name.endswith(("/__pycache__", "/tests", "/test", ".a"))


def _owned_by_root(entry: tarfile.TarInfo) -> tarfile.TarInfo:
    entry.uid = entry.gid = 0
    entry.uname = entry.gname = "root"
    return entry


def _apt_options() -> list[str]:
    """The host's own proxy and validity settings of apt, which mmdebstrap does not look at by itself."""
    dumped = subprocess.run(["apt-config", "dump"], capture_output=True, text=True, check=True).stdout.splitlines()
    kept = ("Acquire::http::Proxy", "Acquire::https::Proxy", "Acquire::Check-Valid-Until", "Acquire::Check-Date")
    return [line for line in dumped if line.startswith(kept)]


def _call(command: list[str], environment: dict[str, str] | None = None) -> str:
    """Run to the end and return what was printed; Unavailable with the last line it said where it fails."""
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    if done.returncode:
        said = (done.stderr.strip() or done.stdout.strip()).splitlines() or [f"exit {done.returncode}"]
        raise Unavailable(f"{Path(command[0]).name} failed: {' / '.join(said[-3:])}")
    return done.stdout


if __name__ == "__main__":
    try:
        for variable, reference in make(*sys.argv[1:2]).items():
            print(f"export {variable}={reference}")
    except Unavailable as why:
        sys.exit(f"edgeseg: {why}")
