"""Files that are read with a limit and written whole or not at all."""

import contextlib
import errno
import os
import stat

from .errors import Error, Exit

_PARTIAL = ".partial"
_DENIED = (errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOENT, errno.ENOTDIR, errno.EISDIR, errno.ENAMETOOLONG)


def _cannot_write(path, why):
    """The Error for an OSError while `path` was written: wrong usage where it is not allowed, missing where the disk is full or fails."""
    full = "; make room and give the same command with --resume" if why.errno in (errno.ENOSPC, errno.EDQUOT) else ""
    return Error(Exit.USAGE if why.errno in _DENIED else Exit.MISSING, f"{path}: cannot be written ({why.strerror or why}){full}")


@contextlib.contextmanager
def _opened(path):
    """`path` open for reading, and its size in bytes; only a regular file, for a FIFO or device would block or never end."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        with os.fdopen(descriptor, "rb", buffering=0) as file:
            about = os.fstat(descriptor)
            if not stat.S_ISREG(about.st_mode):
                raise Error(Exit.DATA, f"{path}: is not a file")
            yield file, about.st_size
    except OSError as why:
        raise Error(Exit.DATA, f"{path}: cannot be read ({why.strerror or why})") from why


def _read_into(file, view):
    done = 0
    while done < len(view):
        got = file.readinto(view[done:])
        if not got:
            break
        done += got
    return done


def read_file(path, limit):
    """All bytes of the file; Error(DATA) where it cannot be read or has more than `limit`."""
    with _opened(path) as (file, size):
        if size > limit:
            raise Error(Exit.DATA, f"{path}: {size} bytes, more than the {limit} such a file may have")
        data = bytearray(size)
        return bytes(data[: _read_into(file, memoryview(data))])


def read_exactly(path, to):
    """Fill `to` (a writable buffer of bytes) from the file; Error(DATA) where the file is shorter or longer."""
    view = memoryview(to).cast("B")
    with _opened(path) as (file, size):
        if size != len(view):
            raise Error(Exit.DATA, f"{path}: {size} bytes where {len(view)} belong; copy it again")
        if _read_into(file, view) != len(view):
            raise Error(Exit.DATA, f"{path}: became shorter while it was read")


class WholeFile:
    """A file under a hidden name beside its own until commit() has brought it to the disk and renamed it; without, it vanishes."""

    def __init__(self, path):
        self._path = os.fspath(path)
        folder, name = os.path.split(self._path)
        self._partial = os.path.join(folder, f".{name}.{os.getpid()}{_PARTIAL}")
        try:
            self._file = open(self._partial, "wb")  # noqa: SIM115 - closed by commit() or __exit__
        except OSError as why:
            raise _cannot_write(self._path, why) from why

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self._file is None:
            return
        with contextlib.suppress(OSError):  # a full disk fails here once more; the reason was told already
            self._file.close()
        with contextlib.suppress(OSError):
            os.unlink(self._partial)

    def write(self, data):
        """Append bytes. Error(MISSING) where the disk is full."""
        try:
            return self._file.write(data)
        except OSError as why:
            raise _cannot_write(self._path, why) from why

    def commit(self):
        """Flush, rename: only now does the file appear. Flushed first, for after a loss of power a name must stand for its bytes."""
        try:
            self._file.flush()
            try:
                os.fdatasync(self._file.fileno())
            except OSError as why:
                if why.errno != errno.EINVAL:  # what cannot be flushed, such as a pipe
                    raise
            self._file.close()
            os.rename(self._partial, self._path)
        except OSError as why:
            raise _cannot_write(self._path, why) from why
        self._file = None


def write_file(path, data):
    """Write bytes or text as a whole file."""
    with WholeFile(path) as file:
        file.write(data.encode() if isinstance(data, str) else data)
        file.commit()


def rename_file(source, to):
    """`source` under another name in the same folder, replacing what is there."""
    try:
        os.rename(source, to)
    except OSError as why:
        raise _cannot_write(to, why) from why


def make_folder(path):
    """The folder `path`, made where it is absent; Error(USAGE) where that is not allowed or nothing can be written in it."""
    try:
        os.makedirs(path, exist_ok=True)
    except FileExistsError as why:
        raise Error(Exit.USAGE, f"{path}: the folder cannot be made (a file is in its place)") from why
    except OSError as why:
        raise Error(Exit.USAGE, f"{path}: the folder cannot be made ({why.strerror})") from why
    if not os.access(path, os.W_OK | os.X_OK):
        raise Error(Exit.USAGE, f"{path}: cannot be written ({os.strerror(errno.EACCES)})")


def remove_partials(folder):
    """Remove what a process that was killed left half-written in `folder`."""
    with contextlib.suppress(OSError):
        for name in os.listdir(folder):
            if name.startswith(".") and name.endswith(_PARTIAL):
                with contextlib.suppress(OSError):
                    os.unlink(os.path.join(folder, name))


def outside(file, option, folder):
    """Error(USAGE) where `file`, the value of `option`, would lie in `folder`: a scene's folder holds nothing but its patches."""
    try:
        inside = os.path.samefile(os.path.dirname(os.path.abspath(file)), folder)
    except OSError:  # one of them is not there yet
        return
    if inside:
        raise Error(Exit.USAGE, f"{option} {file}: lies in the folder of a scene, which holds nothing but its patches; write it elsewhere")
