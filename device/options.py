"""The command lines' common part: argparse with one line for whatever is wrong, and the options that several programs know."""

import argparse

from .edgetpu import parse_device
from .errors import Error, Exit
from .mosaic import How

EXITS = "Exit codes: 0 done, 2 wrong usage, 3 bad data, 4 library, device or space missing"


class Parser(argparse.ArgumentParser):
    """Raises Error(USAGE) instead of printing the usage and leaving."""

    def __init__(self, program, summary, example, exits=EXITS):
        super().__init__(
            prog=f"python3 -m {program}", description=summary, epilog=f"Example: {example}\n{exits}.",
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )  # fmt: skip

    def error(self, message):
        """Called by argparse with what is wrong."""
        raise Error(Exit.USAGE, f"{message}; see --help")


def whole_number(option, least, most):
    """An argparse type: a whole number from `least` to `most`; Error(USAGE) naming `option` otherwise."""

    def read(text):
        if not (text.isascii() and text.isdigit()) or not least <= int(text) <= most:
            raise Error(Exit.USAGE, f"{option} {text}: must be a whole number from {least} to {most}")
        return int(text)

    return read


def _threshold(text):
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 <= value <= 1:
        raise Error(Exit.USAGE, f"--threshold {text}: must be a number from 0 to 1")
    return value


def _crop(text):
    height, cross, width = text.partition("x")
    if not cross:
        raise Error(Exit.USAGE, f"--crop {text}: must be height x width, for example 7741x7591")
    read = whole_number("--crop", 1, 1 << 31)
    return read(height), read(width)


def add_model_options(parser):
    """--model, --device, --threads, --dtype and --invoke-limit, of the programs that run one."""
    parser.add_argument("--model", metavar="FILE", required=True, help="int8.tflite, or int8_edgetpu.tflite for the Edge TPU")
    device = "cpu, usb:N or pci:N (default: usb:0 for a compiled model, else cpu)"
    parser.add_argument("--device", metavar="D", type=parse_device, help=device)
    threads = whole_number("--threads", 1, 64)
    parser.add_argument("--threads", metavar="N", type=threads, default=1, help="of TF Lite on the processor (default 1)")
    dtype = "int8 (default): the model's own bytes; float32: real values"
    parser.add_argument("--dtype", metavar="T", type=_dtype, default="int8", help=dtype)
    limit = "seconds after which a model that does not answer ends the program (default 60)"
    parser.add_argument("--invoke-limit", metavar="S", type=whole_number("--invoke-limit", 1, 86_400), default=60, help=limit)


def _dtype(text):
    if text not in ("int8", "float32"):
        raise Error(Exit.USAGE, f"--dtype {text}: there are int8 and float32")
    return text


def add_mask_options(parser, crop=True):
    """--threshold, --probabilities, --size and, for whole scenes, --crop."""
    parser.add_argument("--threshold", metavar="T", type=_threshold, help="255 where the probability is at least T, else 0 (default 0.5)")
    parser.add_argument("--probabilities", action="store_true", help="round(255 p) instead of a mask")
    size = "pixels of a patch's side in the mask (default: of the image it was made from)"
    parser.add_argument("--size", metavar="N", type=whole_number("--size", 1, 16_384), help=size)
    if crop:
        parser.add_argument("--crop", metavar="HxW", type=_crop, help="the centre of the scene, as the scoring cuts it")


def mask_options(given):
    """The How of what add_mask_options() read."""
    if given.threshold is not None and given.probabilities:
        raise Error(Exit.USAGE, "--threshold and --probabilities exclude each other")
    threshold = 0.5 if given.threshold is None else given.threshold
    return How(threshold, given.probabilities, getattr(given, "crop", None), given.size)
