"""`python3 -m device.scene`: a model over the patches of a scene."""

import sys

from .errors import Error, Exit, guarded


def read_options(arguments):
    """The command line as inference.Options."""
    from . import options
    from .inference import Options

    parser = options.Parser(
        "device.scene",
        "Runs a quantized segmentation model over a scene's patches; reading, preparing and writing overlap with the model.",
        "python3 -m device.scene --model int8_edgetpu.tflite --scene scene --out results --json report.json --stitch mask.png",
        options.EXITS + ", 5 golden output wrong, 6 time limit, 130 interrupted",
    )
    parser.add_argument("--scene", metavar="DIR", required=True, help="folder with scene.json and one .bin per patch (uint16 or float32)")
    parser.add_argument("--out", metavar="DIR", required=True, help="where the results go, one .bin per patch and scene.json")
    options.add_model_options(parser)
    parser.add_argument("--resume", action="store_true", help="go on where the same command stopped")
    parser.add_argument("--json", metavar="FILE", help="report with every time; - for stdout")
    golden = "raw input and output tensor that must match, checked first and ..."
    parser.add_argument("--golden", metavar="IN,OUT", help=golden)
    every = "... after every N patches; after a wrong one the model is loaded afresh and they are run again"
    parser.add_argument("--golden-every", metavar="N", type=options.whole_number("--golden-every", 1, 1_000_000), help=every)
    stitch = "also puts the results together, with --threshold, --probabilities, --crop and --size"
    parser.add_argument("--stitch", metavar="FILE", help=stitch)
    options.add_mask_options(parser)
    given = parser.parse_args(arguments)
    files = None
    if given.golden is not None:
        files = tuple(given.golden.split(",", 1))
        if len(files) != 2:
            raise Error(Exit.USAGE, f"--golden {given.golden}: must be two files, IN,OUT")
    if (files is None) != (given.golden_every is None):
        raise Error(Exit.USAGE, "--golden and --golden-every belong together")
    return Options(
        model=given.model, scene=given.scene, out=given.out, device=given.device, threads=given.threads, real=given.dtype == "float32",
        resume=given.resume, json=given.json, golden=files, golden_every=given.golden_every or 0, invoke_limit=given.invoke_limit,
        mask=given.stitch, how=options.mask_options(given),
    )  # fmt: skip


def run(arguments):
    """Read the command line and do it; returns the exit code."""
    from .inference import infer

    return infer(read_options(arguments))


def main(arguments=None):
    """The program; returns its exit code."""
    return guarded("device.scene", lambda: run(arguments))


if __name__ == "__main__":
    sys.exit(main())
