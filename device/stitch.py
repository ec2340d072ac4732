"""`python3 -m device.stitch`: results of a scene's patches to one mask."""

import sys

from .errors import Error, Exit, guarded


def run(arguments):
    """Read the command line and do it; returns the exit code."""
    from . import mosaic, options
    from .progress import Interrupted, Progress

    parser = options.Parser(
        "device.stitch",
        "Puts the results of device.scene or `inference` together to one mask, row by row in bounded memory.",
        "python3 -m device.stitch --in results --out mask.png --threshold 0.41 --crop 7741x7591",
        "Exit codes: 0 done, 2 wrong usage, 3 bad data, 4 no space or no pypng, 130 interrupted",
    )
    parser.add_argument("--in", metavar="DIR", dest="folder", required=True, help="folder with scene.json and one .bin per patch")
    parser.add_argument("--out", metavar="FILE", required=True, help=".png (8 bit), or .raw (height x width bytes)")
    options.add_mask_options(parser)
    given = parser.parse_args(arguments)
    how = options.mask_options(given)
    with Interrupted().listening() as interrupted:
        with Progress("device.stitch: row") as progress:
            height, width = mosaic.stitch(given.folder, given.out, how, progress.show, interrupted)
        if interrupted():
            raise Error(Exit.INTERRUPTED, "interrupted")
    sys.stderr.write(f"device.stitch: {given.out}, {height} x {width} pixels\n")
    return Exit.DONE


def main(arguments=None):
    """The program; returns its exit code."""
    return guarded("device.stitch", lambda: run(arguments))


if __name__ == "__main__":
    sys.exit(main())
