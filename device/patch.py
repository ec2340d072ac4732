"""`python3 -m device.patch`: a model over one patch, with a summary of its probabilities."""

import sys

from .errors import guarded


def run(arguments):
    """Read the command line and do it; returns the exit code."""
    from . import options
    from .single import infer_patch

    parser = options.Parser(
        "device.patch",
        "Runs a quantized segmentation model over one patch and says what it found.",
        "python3 -m device.patch --model int8_edgetpu.tflite --patch scene/patch_3_1_by_3_LC08_X.bin --out mask.png",
        options.EXITS + ", 6 time limit, 130 interrupted",
    )
    patch = ".bin of a scene (its scene.json lies beside it), or .npy, height x width x bands: uint16 (scaled by 1/65535) or float32"
    parser.add_argument("--patch", metavar="FILE", required=True, help=patch)
    out = "where the result goes: .bin (raw, as device.scene writes it), .npy, or the mask as .png or .raw (default: nowhere)"
    parser.add_argument("--out", metavar="FILE", help=out)
    options.add_model_options(parser)
    parser.add_argument("--json", metavar="FILE", help="summary and times; - for stdout")
    options.add_mask_options(parser, crop=False)
    given = parser.parse_args(arguments)
    return infer_patch(given, options.mask_options(given))


def main(arguments=None):
    """The program; returns its exit code."""
    return guarded("device.patch", lambda: run(arguments))


if __name__ == "__main__":
    sys.exit(main())
