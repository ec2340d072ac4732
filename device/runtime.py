"""Which TF Lite this Python has, whether it goes with the Edge TPU's runtime, and pycoral, Coral's own, where it is there."""

import importlib
import importlib.util
import re
import sys

from .edgetpu import LIBRARY, EdgeTpu
from .errors import Error, Exit

_PACKAGES = ("tflite_runtime", "ai_edge_litert", "tensorflow")  # the smallest first
_INSTALL = "python3 -m pip install -r device/requirements.txt"
CORAL = "Coral's own is apt's python3-pycoral from packages.cloud.google.com/apt, or pip's from google-coral.github.io/py-repo"


def _there(name):
    """Whether a module could be imported; its packages are, for that."""
    try:
        return importlib.util.find_spec(name) is not None
    except (ImportError, ValueError, AttributeError):  # a parent that is no package, or breaks
        return False


class Runtime:
    """The first of pycoral's tflite_runtime, tflite_runtime, ai_edge_litert and tensorflow. Error(MISSING) where there is none."""

    def __init__(self):
        self._loader, self.notes = None, []
        broken = []
        for package in _PACKAGES:
            if not _there(package):
                continue
            try:
                module = importlib.import_module(package)
                self._lite = module.lite if package == "tensorflow" else importlib.import_module(f"{package}.interpreter")
            except Exception as why:  # built for another numpy, Python or C library; what they raise then differs
                broken.append(f"{package} is broken: {why}")
                continue
            self.name, self.version = package, module.__version__
            return
        raise Error(Exit.MISSING, "; ".join(["no TF Lite for Python is installed", *broken, _INSTALL]))

    @property
    def label(self):
        """What the report calls it: TF Lite's version; LiteRT counts anew, so it says so."""
        return f"LiteRT {self.version}" if self.name == "ai_edge_litert" else self.version

    def too_new(self):
        """Whether it is TF Lite 2.10 or newer. Every LiteRT is, whatever its number.

        From 2.10 on it reads one member more (registration_external) of the TfLiteRegistration that a delegate hands over by value: with
        a libedgetpu built before, whatever lies there on the stack. 2.10 and 2.11 crash or work by chance, from one build of Python to
        the next; from 2.12 on TfLiteDelegate has grown as well, and all crash.
        """
        numbers = [int(number) for number in re.findall(r"[0-9]+", self.version)[:2]]
        return self.name == "ai_edge_litert" or numbers >= [2, 10]

    def interpreter(self, data, threads, delegate=None):
        """A new Interpreter of the model `data`; what it raises is the caller's to name."""
        more = {} if delegate is None else {"experimental_delegates": [delegate]}
        return self._lite.Interpreter(model_content=data, num_threads=threads, **more)

    def delegate(self, device):
        """A delegate on the Edge TPU `device`. Error(MISSING) where it cannot be opened."""
        load = self._pycoral() or self._load
        said = ""
        try:
            return load({"device": str(device)})
        except (ValueError, RuntimeError, OSError) as why:
            said = " ".join(str(why).split())
        what = f"the Edge TPU {device} could not be opened ({said}); is another program using it? Unplug it and plug it in again"
        raise Error(Exit.MISSING, what)

    def _load(self, options):
        load = self._lite.experimental.load_delegate if self.name == "tensorflow" else self._lite.load_delegate
        return load(LIBRARY, options)

    def _pycoral(self):
        """pycoral's loader; None, and a note for people, where there is none or another project of that name."""
        if self.name != "tflite_runtime" or not _there("pycoral"):
            return None
        if not _there("pycoral.utils.edgetpu"):
            self.notes.append(f"the installed pycoral is another project of that name; {CORAL}; going on with tflite_runtime")
            return None
        try:
            loader = importlib.import_module("pycoral.utils.edgetpu").load_edgetpu_delegate
        except Exception as why:  # its compiled half is for one Python only
            self.notes.append(f"the installed pycoral is broken ({why}); {CORAL}; going on with tflite_runtime")
            return None
        self.name = "pycoral"
        return loader


def check_pair(tpu: EdgeTpu, runtime: Runtime, model):
    """Error(MISSING) for a pair that is known to crash, and for a model that wants a newer Edge TPU runtime, before either is tried."""
    if tpu.stock() and runtime.too_new():
        python = "Python 3.7 to 3.9 with device/requirements.txt" if sys.version_info >= (3, 10) else "tflite-runtime 2.9.1"
        what = f"TF Lite {runtime.label} ({runtime.name}) crashes with this libedgetpu ({tpu.version}), which needs TF Lite older than 2.10"
        raise Error(Exit.MISSING, f"{what}; use {python}, or the program `inference`")
    has = tpu.runtime()
    if has is not None and model.runtime_needed is not None and has < model.runtime_needed:
        what = f"{model.path}: wants Edge TPU runtime {model.runtime_needed}, libedgetpu here has {has}"
        raise Error(Exit.MISSING, f"{what}; upgrade libedgetpu, or compile with --min_runtime_version {has}")
