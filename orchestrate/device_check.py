"""What a finished program needs of the board: `python device_check.py TARGET FILE ...`, run by the toolchain's Python, which has pyelftools
and capstone. Prints what it found as JSON and, on stderr, each reason why a file would not run there; exit code 5 if there is any.
"""

import json
import re
import sys
from pathlib import Path

import capstone
from elftools.common.exceptions import ELFError
from elftools.elf.dynamic import DynamicSection
from elftools.elf.elffile import ELFFile
from elftools.elf.gnuversions import GNUVerNeedSection

# glibc's own parts, which every Debian has; libstdc++ and libgcc_s come with Mendel's and Raspberry Pi OS's base as well, and with them the
# newest symbol version that Debian 10's GCC 8 brings.
_GLIBC_PARTS = {"libc.so.6", "libm.so.6", "libpthread.so.0", "libdl.so.2", "librt.so.1"}
_BASE = _GLIBC_PARTS | {"libstdc++.so.6", "libgcc_s.so.1"}
_DEBIAN_10 = {"GLIBC": (2, 28), "GLIBCXX": (3, 4, 25), "CXXABI": (1, 3, 11), "GCC": (8, 0, 0)}
_DEBIAN_11 = {"GLIBC": (2, 31), "GLIBCXX": (3, 4, 28), "CXXABI": (1, 3, 12), "GCC": (10, 0, 0)}
_ARM = {"machine": "EM_AARCH64", "libraries": _BASE | {"ld-linux-aarch64.so.1"}, "limits": _DEBIAN_10}
TARGETS = {
    "mendel": _ARM,
    "generic": _ARM,
    # The prebuilt TF Lite for x86-64 asks for more than Mendel has: a developer's machine has Debian 11 or newer.
    "native": {"machine": "EM_X86_64", "libraries": _BASE | {"ld-linux-x86-64.so.2"}, "limits": _DEBIAN_11},
}
# Encodings of Armv8.1's atomics (Arm ARM, "Loads and Stores"): a cheap sieve; capstone then says what the word is.
_LSE = ((0x3F200C00, 0x38200000), (0x3FA07C00, 0x08A07C00), (0xBFA07C00, 0x08207C00))
_LSE_NAMES = re.compile(r"^(ld|st)(add|clr|eor|set|smax|smin|umax|umin)|^swp|^casp?[alhb]*$")


def check(path: Path, target: str) -> tuple[dict, list[str]]:
    """What the ELF file at `path` needs ({"libraries", "versions", "lse"}) and why, if at all, it would not run on `target`."""
    wanted = TARGETS[target]
    with open(path, "rb") as file:
        elf = ELFFile(file)
        libraries = sorted(
            tag.needed for part in elf.iter_sections() if isinstance(part, DynamicSection) for tag in part.iter_tags("DT_NEEDED")
        )
        versions = _versions(elf)
        lse = sorted(set(_lse(elf))) if elf["e_machine"] == "EM_AARCH64" else []
        machine = elf["e_machine"]
    wrong = [] if machine == wanted["machine"] else [f"is made for {machine}, not {wanted['machine']}"]
    wrong += [f"needs {library}, which the board lacks" for library in libraries if library not in wanted["libraries"]]
    for family, version in versions.items():
        if family not in wanted["limits"] or version > wanted["limits"][family]:
            wrong.append(f"needs {family}_{_dotted(version)}, the board has at most {_dotted(wanted['limits'].get(family, ()))}")
    if lse:
        wrong.append(f"holds LSE atomics ({', '.join(lse)}), which its processor does not know")
    return {"libraries": libraries, "versions": {family: _dotted(version) for family, version in versions.items()}, "lse": lse}, wrong


def _versions(elf: ELFFile) -> dict[str, tuple[int, ...]]:
    """The newest version asked for of each family of symbols, such as {"GLIBC": (2, 17)}."""
    newest: dict[str, tuple[int, ...]] = {}
    for section in elf.iter_sections():
        if not isinstance(section, GNUVerNeedSection):
            continue
        for _, needed in section.iter_versions():
            for one in needed:
                family, _, number = one.name.partition("_")
                version = tuple(int(part) for part in number.split(".")) if re.fullmatch(r"[\d.]+", number) else (9999,)  # GLIBC_PRIVATE
                newest[family] = max(newest.get(family, ()), version)
    return newest


def _lse(elf: ELFFile) -> list[str]:
    """The names of the LSE instructions in executable sections."""
    found = []
    disassembler = capstone.Cs(capstone.CS_ARCH_ARM64, capstone.CS_MODE_ARM)
    for section in elf.iter_sections():
        if not section["sh_flags"] & 0x4 or section["sh_type"] != "SHT_PROGBITS":  # SHF_EXECINSTR
            continue
        words = memoryview(section.data()[: section["sh_size"] // 4 * 4]).cast("I")
        for index, word in enumerate(words):
            if any(word & mask == value for mask, value in _LSE):
                address = section["sh_addr"] + 4 * index
                for _, _, name, _ in disassembler.disasm_lite(word.to_bytes(4, "little"), address):
                    if _LSE_NAMES.match(name):
                        found.append(name)
    return found


def _dotted(version: tuple[int, ...]) -> str:
    return ".".join(map(str, version)) or "none"


def main(target: str, files: list[str]) -> int:
    """Check `files`; 0 if all would run on `target`, else 5."""
    needs, wrong = {}, []
    for name in map(Path, files):
        try:
            needs[name.name], reasons = check(name, target)
        except (ELFError, OSError) as why:
            reasons = [f"is no program ({why})"]
        wrong += [f"{name.name}: {reason}" for reason in reasons]
    print(json.dumps(needs))
    print("\n".join(wrong), file=sys.stderr)
    return 5 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2:]))
