"""The Edge TPU's runtime, libedgetpu.so.1, through the C functions of its edgetpu_c.h: what it is and which devices there are."""

import ctypes
import re
from dataclasses import dataclass

from .errors import Error, Exit

LIBRARY = "libedgetpu.so.1"
_KINDS = {"pci": 0, "usb": 1}  # edgetpu_device_type


class _Device(ctypes.Structure):
    _fields_ = [("type", ctypes.c_int), ("path", ctypes.c_char_p)]


@dataclass(frozen=True)
class Device:
    """The processor ("cpu"), or the number-th Edge TPU of a kind ("usb", "pci") in libedgetpu's order."""

    kind: str = "cpu"
    number: int = 0

    def __str__(self):
        return "cpu" if self.kind == "cpu" else f"{self.kind}:{self.number}"


def parse_device(text):
    """The Device of "cpu", "usb:0", "pci:1", ...; Error(USAGE) otherwise."""
    if text == "cpu":
        return Device()
    found = re.fullmatch(r"(usb|pci):([0-9]{1,9})", text)
    if not found:
        raise Error(Exit.USAGE, f"--device {text}: there are cpu, usb:N and pci:N, for example usb:0")
    return Device(found.group(1), int(found.group(2)))


class EdgeTpu:
    """The opened library. It is never closed: its threads and its delegates' code may be in use until the process ends."""

    def __init__(self):
        try:
            self._library = ctypes.CDLL(LIBRARY)
        except OSError as why:
            remedy = "install libedgetpu1-std, or give --device cpu with the model that was not compiled"
            raise Error(Exit.MISSING, f"the Edge TPU runtime cannot be opened ({why}); {remedy}") from why
        version = self._function("edgetpu_version", ctypes.c_char_p)()
        self.version = (version or b"").decode(errors="replace")

    def _function(self, name, result, *arguments):
        try:
            function = getattr(self._library, name)
        except AttributeError as why:
            what = f"{LIBRARY} has no function {name}: it is not the Edge TPU runtime; install libedgetpu1-std"
            raise Error(Exit.MISSING, what) from why
        function.restype, function.argtypes = result, arguments
        return function

    def runtime(self):
        """The runtime's number as models ask for it (14 for libedgetpu 16), None where the version text does not hold it."""
        found = re.search(r"RuntimeVersion\(([0-9]+)", self.version)
        return int(found.group(1)) if found else None

    def stock(self):
        """Whether the version text is that of Google's own builds, which were made with TF Lite 2.5.0 or older.

        Google used Debian 9's compiler; builds by others, for newer TF Lite, name a newer one.
        """
        return "COMPILER=6.3.0" in self.version or "COMPILER=" not in self.version

    def require(self, device):
        """Error(MISSING) where there is no such `device`."""
        count = ctypes.c_size_t()
        listed = self._function("edgetpu_list_devices", ctypes.POINTER(_Device), ctypes.POINTER(ctypes.c_size_t))(ctypes.byref(count))
        fitting = sum(1 for at in range(count.value if listed else 0) if listed[at].type == _KINDS[device.kind])
        if listed:
            self._function("edgetpu_free_devices", None, ctypes.POINTER(_Device))(listed)
        if device.number >= fitting:
            there = f"{fitting} of that kind and {count.value} in all are there"
            raise Error(Exit.MISSING, f"no Edge TPU {device}: {there}; check its cable and power, and that this user may open it")
