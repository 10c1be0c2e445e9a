"""The BPF programs checked in (*/bpf/*.skel.h) are those that their sources give. Where clang and bpftool are installed,
kernel/bpf/generate.sh compiles them anew: the same compiler must give the same bytes, another one the same sections,
maps and types.
"""

import json
import os
import pathlib
import re
import shutil
import subprocess
import tempfile
import unittest

ROOT = pathlib.Path(__file__).parents[2]
GENERATE = ROOT / "kernel/bpf/generate.sh"
HEADERS = sorted(ROOT.glob("*/bpf/*.skel.h"))
PATH = os.environ["PATH"] + ":/usr/sbin"


def noted(header, what):
    return re.search(rf"^// {what}: (.*)$", header, re.MULTILINE)[1]


def object_of(header):
    """The bytes of the ELF object, which the header holds as a C string."""
    literal = re.search(r'return \(const void \*\)"(.*?)";', header, re.DOTALL)[1].replace("\\\n", "")
    return bytes(int(byte[2:] or "0", 16) for byte in re.findall(r"\\x[0-9a-f]{2}|\\0", literal))


def sections(path):
    """Names of the programs' and the data's sections."""
    listing = subprocess.run(["readelf", "-SW", path], check=True, text=True, capture_output=True).stdout
    return sorted(re.findall(r"\] (\S+) +(?:PROGBITS|NOBITS) ", listing))


def types(path):
    """What BTF says of every type and map, whatever their numbers and order."""
    dump = subprocess.run(["bpftool", "-j", "btf", "dump", "file", path], check=True, text=True, capture_output=True,
                          env={**os.environ, "PATH": PATH}).stdout
    table = {entry["id"]: entry for entry in json.loads(dump)["types"]}

    def describe(number, inside=False):
        entry = table.get(number, {"kind": "void"})
        named = entry.get("name", "(anon)") != "(anon)"
        if inside and named:
            return entry["kind"], entry["name"]
        members = [(member["name"], describe(member["type_id"], True)) for member in entry.get("members", [])]
        return (entry["kind"], entry.get("name"), entry.get("nr_elems"), members,
                describe(entry["type_id"], True) if entry.get("type_id") else None)

    return sorted({repr(describe(number)) for number in table})


class BpfObjectsTest(unittest.TestCase):
    def generated(self, **environment):
        if not shutil.which(environment.get("CLANG", "clang")) or not shutil.which("bpftool", path=PATH):
            self.skipTest("clang or bpftool is missing (deploy/packages.sh install bpf)")
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        subprocess.run([GENERATE, directory.name], check=True, env={**os.environ, **environment})
        return pathlib.Path(directory.name)

    def test_each_program_is_checked_in(self):
        programs = {path.name.split(".")[0] for path in ROOT.glob("*/bpf/*.bpf.c")}
        self.assertEqual({path.name.split(".")[0] for path in HEADERS}, programs)

    def check(self, directory):
        for path in HEADERS:
            old, new = path.read_text(), (directory / path.name).read_text()
            with self.subTest(path.name):
                self.assertEqual(noted(old, "sources"), noted(new, "sources"), f"run {GENERATE.relative_to(ROOT)}")
                if noted(old, "compiler") == noted(new, "compiler"):
                    self.assertEqual(object_of(old), object_of(new))
                files = []
                for name, header in (("old", old), ("new", new)):
                    files.append(directory / f"{path.name}.{name}")
                    files[-1].write_bytes(object_of(header))
                self.assertEqual(sections(files[0]), sections(files[1]))
                self.assertEqual(types(files[0]), types(files[1]))

    def test_compiled_anew_they_are_the_same(self):
        self.check(self.generated())

    def test_another_compiler_gives_the_same_sections_maps_and_types(self):
        self.check(self.generated(CLANG="clang-19"))

    def test_the_kernel_is_told_either_licence(self):
        for path in HEADERS:
            self.assertIn(b"Dual BSD/GPL\0", object_of(path.read_text()), path.name)
            self.assertTrue(path.read_text().startswith("// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause\n"))


if __name__ == "__main__":
    unittest.main()
