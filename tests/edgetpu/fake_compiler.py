"""A stand-in for edgetpu_compiler 16 that replays consoles; it lives in tests only.

FAKE_COMPILER_PLAY names what to play; FAKE_COMPILER_MODEL is the compiled file to hand out.
"""

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

START = "Edge TPU Compiler version 16.0.384591198\n"
TIMER = "Started a compilation timeout timer of 180 seconds.\n"
HEAD = """
Model compiled successfully in 898 ms.

Input model: int8.tflite
Input size: 1.90MiB
Output model: int8_edgetpu.tflite
Output size: 2.07MiB
On-chip memory used for caching model parameters: 1.90MiB
On-chip memory remaining for caching model parameters: 3.82MiB
Off-chip memory used for streaming uncached model parameters: 46.00KiB
Number of Edge TPU subgraphs: 1
Total number of operations: {total}
Operation log: int8_edgetpu.log
"""
PARTIAL = """
Model successfully compiled but not all operations are supported by the Edge TPU. A percentage of the model will instead run on the CPU, \
which is slower. If possible, consider updating your model to use only operations supported by the Edge TPU. For details, visit \
g.co/coral/model-reqs.
Number of operations that will run on Edge TPU: {tpu}
Number of operations that will run on CPU: {cpu}
"""
TABLE = "\nOperator                       Count      Status\n\n"
DONE = "Compilation child process completed within timeout period.\n"
GOOD, BAD = DONE + "Compilation succeeded! \n", DONE + "Compilation failed! \n"
LARGE = (
    "ERROR: Restored original execution plan after delegate application failure.\n"
    "Compilation failed: Compilation failed due to large activation tensors in model.\n"
)


def rows(*rows_):
    return "".join(f"{name:<30} {count:<10} {status}\n" for name, count, status in rows_)


def hand_out(table):
    shutil.copyfile(os.environ["FAKE_COMPILER_MODEL"], "int8_edgetpu.tflite")
    text = "Edge TPU Compiler version 16.0.384591198\nInput: int8.tflite\nOutput: int8_edgetpu.tflite\n" + TABLE + table
    Path("int8_edgetpu.log").write_text(text)


def main():
    play, arguments = os.environ["FAKE_COMPILER_PLAY"], sys.argv[1:]
    assert Path("int8.tflite").is_file() and "-s" in arguments and "-t" in arguments
    mapped, subgraph = "Mapped to Edge TPU", "More than one subgraph is not supported"
    names = ("CONV_2D", "MAX_POOL_2D", "TRANSPOSE_CONV", "CONCATENATION", "LOGISTIC")
    if play == "success" or (play == "large" and "-d" in arguments):
        table = rows(*((name, 1, mapped) for name in names))
        hand_out(table)
        print(START + TIMER + HEAD.format(total=5) + TABLE + table + GOOD, end="")
    elif play in ("large", "always large"):
        print(START + TIMER + LARGE + BAD, end="")
        return 1
    elif play == "partial":
        table = rows(*((name, 1, mapped if index < 4 else subgraph) for index, name in enumerate(names)))
        hand_out(table)
        print(START + TIMER + HEAD.format(total=5) + PARTIAL.format(tpu=4, cpu=1) + TABLE + table + GOOD, end="")
    elif play == "version 4":
        print(
            START + "ERROR: Didn't find op for builtin opcode 'TRANSPOSE_CONV' version '4'. An older version of this builtin might be "
            "supported. Are you using an old TFLite binary with a newer model?\n\nERROR: Registration failed.\n\n"
            "Invalid model: int8.tflite\nModel could not be parsed\n",
            end="",
        )
        return 1
    elif play == "silent failure":
        print(START + TIMER + BAD, end="")
        return 1
    elif play == "timeout":  # a child holds on, as the compiler's own does
        child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
        Path(os.environ["FAKE_COMPILER_PID"]).write_text(str(child.pid))
        print(START + TIMER, end="", flush=True)
        time.sleep(600)
    elif play == "crash":
        print(START + TIMER, end="", flush=True)
        os.kill(os.getpid(), signal.SIGSEGV)
    elif play == "garbage":
        sys.stdout.buffer.write(bytes(range(256)) * 64)
    elif play == "claims":
        print(START + TIMER + HEAD.format(total=5) + GOOD, end="")
    elif play == "damaged":
        Path("int8_edgetpu.tflite").write_bytes(b"\x1c\x00\x00\x00TFL3" + bytes(40))
        print(START + TIMER + HEAD.format(total=5) + GOOD, end="")
    return 0


if __name__ == "__main__":
    sys.exit(main())
