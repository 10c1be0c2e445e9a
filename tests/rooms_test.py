"""The arrows between the rooms: every #include of the program is checked against the table in CONTRIBUTING.md."""

import pathlib
import re
import tempfile
import unittest

TREE = pathlib.Path(__file__).resolve().parent.parent
INCLUDE = re.compile(r'^#include "([a-z_]+)/', re.MULTILINE)


def rooms_of(contributing):
    """The table's rows: room -> the rooms it may use. Rooms stand in it from the ground up."""
    rooms = {}
    for row in re.findall(r"^\| ([a-z]+)/ \|[^|]*\|([^|]*)\|$", contributing, re.MULTILINE):
        uses = row[1].strip()
        rooms[row[0]] = set(rooms) if uses == "all above" else set(re.findall(r"[a-z]+", uses))
    return rooms


def sources(tree, room):
    return [path for path in (tree / room).rglob("*") if path.suffix in (".cc", ".h") and not path.name.endswith(".skel.h")]


def wrong_arrows(tree, rooms):
    """Includes that the table does not allow, as "file includes room/"."""
    wrong = []
    for room, allowed in rooms.items():
        for path in sources(tree, room):
            for target in INCLUDE.findall(path.read_text(encoding="utf-8")):
                if target in rooms and target != room and target not in allowed:
                    wrong.append(f"{path.relative_to(tree)} includes {target}/")
    return sorted(set(wrong))


class RoomsTest(unittest.TestCase):
    rooms = rooms_of((TREE / "CONTRIBUTING.md").read_text(encoding="utf-8"))

    def test_table_names_every_room_and_has_no_circle(self):
        built = re.findall(r"^add_subdirectory\((\w+)\)", (TREE / "CMakeLists.txt").read_text(), re.MULTILINE)
        self.assertEqual(list(self.rooms), built)
        below = set()
        for room, uses in self.rooms.items():
            self.assertLessEqual(uses, below, f"{room}/ may use only rooms that stand above it in the table")
            below.add(room)

    def test_no_include_runs_against_the_table(self):
        self.assertEqual(wrong_arrows(TREE, self.rooms), [])

    def test_an_arrow_against_the_table_is_found(self):
        with tempfile.TemporaryDirectory() as directory:
            tree = pathlib.Path(directory)
            (tree / "kernel").mkdir()
            (tree / "kernel" / "cgroup.h").write_text('#include "base/files.h"\n#include "agents/rules.h"\n')
            self.assertEqual(wrong_arrows(tree, self.rooms), ["kernel/cgroup.h includes agents/"])

    def test_no_room_is_a_fifth_of_the_program(self):
        lines = {room: sum(len(path.read_text(encoding="utf-8").splitlines()) for path in sources(TREE, room))
                 for room in self.rooms}
        for room, count in lines.items():
            self.assertLess(count, sum(lines.values()) / 5, room)


if __name__ == "__main__":
    unittest.main()
