#!/usr/bin/env python3
"""Finds sources that use a name whose header they do not include: neither themselves nor by a header of ours that they
include. The test command compiles sources by the eight, with precompiled headers, where the compiler does not notice.

    tests/includes.py [FILE ...]     default: all of the tree's C++
"""

import functools
import os
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[1]

# Pattern of a use: the headers, any of which will do. A header that ends in / or . stands for all that begin so.
STANDARD = {
    r"std::(?:min|max|sort|stable_sort|find|find_if|any_of|all_of|none_of|count_if|remove_if|lower_bound|upper_bound|"
    r"nth_element|reverse|equal|search|copy|copy_if|fill|clamp|max_element|min_element|partial_sort|is_sorted|ranges::sort|"
    r"unique|erase_if|transform|set_difference|includes)\b(?=[(<])":
        "algorithm map set unordered_map vector string",
    r"std::array<": "array",
    r"std::atomic\b": "atomic",
    r"std::chrono::": "chrono",
    r"std::condition_variable\b": "condition_variable",
    r"std::deque<": "deque",
    r"std::filesystem::": "filesystem",
    r"std::(?:if|of|)stream\b(?<=fstream)": "fstream",
    r"std::function<": "functional",
    r"std::(?:promise|future|shared_future|async)\b": "future",
    r"std::numeric_limits<": "limits",
    r"std::list<": "list",
    r"std::(?:multi)?map<": "map",
    r"std::(?:unique_ptr|shared_ptr|weak_ptr|make_unique|make_shared)\b": "memory",
    r"std::(?:mutex|lock_guard|unique_lock|scoped_lock)\b": "mutex condition_variable",
    r"std::(?:accumulate|iota)\b": "numeric",
    r"std::(?:optional|nullopt)\b": "optional",
    r"std::(?:multi)?set<": "set",
    r"std::(?:o|i|)stringstream\b": "sstream",
    r"std::string\b": "string",
    r"std::string_view\b": "string_view string",
    r"std::(?:this_)?thread\b": "thread",
    r"std::tuple\b|std::tie\(": "tuple",
    r"std::unordered_map<": "unordered_map",
    r"std::unordered_set<": "unordered_set",
    r"std::variant<": "variant",
    r"std::vector<": "vector",
    r"std::(?:cout|cerr|cin)\b": "iostream",
    r"\b(?:assert)\(": "cassert",
    r"\b(?:isfinite|isnan|std::(?:floor|ceil|round|fabs|sqrt|pow|log|exp|lround|nan))\(": "cmath",
    r"\bCLI::": "CLI/",
    r"\bYAML::": "yaml-cpp/",
    r"\bnlohmann::": "nlohmann/",
    r"\bspdlog::": "spdlog/",
    r"\bprometheus::": "prometheus/",
    r"\bre2::|\bRE2\b": "re2/",
    r"\bbenchmark::": "benchmark/",
    r"\babsl::(?:Status\b|OkStatus|Is\w+\(|\w+Error\(|StatusCode)": "absl/status/",
    r"\babsl::StatusOr\b": "absl/status/statusor.h",
    r"\babsl::Str(?:Cat|Append)\b": "absl/strings/str_cat.h",
    r"\babsl::StrJoin\b": "absl/strings/str_join.h",
    r"\babsl::(?:StrSplit|MaxSplits|SkipEmpty|ByAnyChar)\b": "absl/strings/str_split.h",
    r"\babsl::(?:StrFormat|StrAppendFormat)\b": "absl/strings/str_format.h",
    r"\babsl::(?:StartsWith|EndsWith|ConsumePrefix|ConsumeSuffix|StrContains|SimpleAto\w+|Strip\w+|AsciiStr\w+|StrReplaceAll)"
    r"\b": "absl/strings/",
    r"\babsl::flat_hash_map\b": "absl/container/flat_hash_map.h",
    r"\babsl::flat_hash_set\b": "absl/container/flat_hash_set.h",
    r"\babsl::node_hash_map\b": "absl/container/node_hash_map.h",
    r"\babsl::Span\b|\babsl::MakeSpan\b": "absl/types/span.h",
    r"\babsl::FunctionRef\b": "absl/functional/function_ref.h",
    r"\babsl::(?:Cleanup|MakeCleanup)\b": "absl/cleanup/cleanup.h",
    r"\bTEST(?:_F|_P)?\(|\bEXPECT_(?:EQ|TRUE|FALSE|NE|LT|GT|LE|GE)\(": "gtest/gtest.h gmock/gmock.h",
    r"\bEXPECT_THAT\(|\bASSERT_THAT\(|\bMATCHER(?:_P)?\(|\btesting::(?:ElementsAre|HasSubstr|Pair|IsEmpty|AllOf|Contains)\b":
        "gmock/gmock.h",
}
# The C++ names of C headers.
IN_C = {f"c{name}": f"{name}.h" for name in ("assert errno math signal stdint stdio stdlib string time").split()}
# Words of C++ or of this tree that C headers declare as well.
COMMON = set("NULL EOF abs access decltype div error exit exp free getline index int link log max pause remove rename round select "
             "send signal size_t sync time wait write".split())
SYSTEM = [pathlib.Path("/usr/include"), *pathlib.Path("/usr/include").glob("*-linux-gnu")]

RULES = [(re.compile(pattern), tuple(headers.split())) for pattern, headers in STANDARD.items()]

INCLUDE = re.compile(r'^#include ["<]([^">]+)[">]', re.MULTILINE)
NOISE = re.compile(
    r'//[^\n]*|/\*.*?\*/|R"(\w*)\(.*?\)\1"|"(?:\\.|[^"\\\n])*"|(?<!\w)\'(?:\\.|[^\'\\\n])+\'|^#include[^\n]*', re.DOTALL | re.M)
# What a header declares outside of any class: lines that are not indented, for that is how clang-format writes them.
TYPES = re.compile(r"^(?:template <[^\n]*>\n?)?(?:class|struct|enum class|enum) (\w+)(?: final)?(?: : [^{;]*)?(?: \{|$)|"
                   r"^using (\w+) =|^#define (\w+)|^(?:inline |extern )*(?:static )?(?:constexpr|const) [^=(\n]*?\b(k\w+)",
                   re.MULTILINE)
FUNCTIONS = re.compile(r"^(?!using|return|#|class|struct|namespace)(?:[\w:<>,*&\[\]]+ )+[*&]?(\w+)\((?!\*)", re.MULTILINE)


@functools.cache
def text(path):
    return (ROOT / path).read_text()


@functools.cache
def code(path):
    return NOISE.sub(" ", text(path))


@functools.cache
def reached(path):
    """All that the file includes, by headers of ours too."""
    found, todo = set(), [path]
    while todo:
        for header in INCLUDE.findall(text(todo.pop())):
            if header not in found:
                found.add(header)
                if (ROOT / header).is_file():
                    todo.append(header)
    return found


@functools.cache
def declared(path):
    return {name for groups in TYPES.findall(code(path)) for name in groups if name} | set(FUNCTIONS.findall(code(path)))


@functools.cache
def words(path, which="all"):
    """The names in a file: all, or those that it may be declaring (behind a type's name and before what follows then)."""
    if which == "all":
        return set(re.findall(r"(?<!\.)(?<!->)(?<!::)\b[A-Zk]\w{2,}\b", code(path)))
    return set(re.findall(r"(?:(?:\w|[*&>]) |TEST\()([A-Zk]\w{2,})\b ?(?:[({;=:,)>]|$)", code(path), re.MULTILINE))


@functools.cache
def system_names(header):
    """Macros, functions and types of a C header, those of the parts it consists of (bits/, asm/, its own folder) too."""
    found, seen, todo = set(), set(), [IN_C.get(header, header)]
    folder = header.rpartition("/")[0] or "bits"
    while todo:
        part = todo.pop()
        path = next((root / part for root in SYSTEM if (root / part).is_file()), None)
        if part in seen or path is None:
            continue
        seen.add(part)
        body = re.sub(r"/\*.*?\*/", " ", path.read_text(errors="replace"), flags=re.DOTALL)
        found |= set(re.findall(r"^[ \t]*#[ \t]*define[ \t]+([A-Z]\w{3,})\b", body, re.MULTILINE))
        found |= set(re.findall(r"^[^#\n]*?\b([a-z]\w{2,}) ?\((?!\*)", body, re.MULTILINE))
        found |= set(re.findall(r"^typedef [^;(]*?\b(\w+);", body, re.MULTILINE))
        found |= set(re.findall(r"^struct (\w+)$", body, re.MULTILINE))
        todo += [part for part in re.findall(r"^[ \t]*#[ \t]*include <([^>]+)>", body, re.MULTILINE)
                 if part.startswith(("bits/", "asm", folder + "/"))]
    return found


def theirs(files):
    """The names of all C headers that the tree includes: the name and those headers, if they are few."""
    headers = {header for path in files for header in INCLUDE.findall(text(path)) if not (ROOT / header).is_file()
               and (header in IN_C or re.fullmatch(r"((arpa|linux|net|netinet|openssl|sys)/)?\w+\.h", header))}
    found = {}
    for header in headers:
        for name in system_names(header):
            found.setdefault(name, set()).add(header)
    return {name: places for name, places in found.items() if name not in COMMON and not name.startswith("_")}


def ours(headers):
    """Names that one header of ours declares: the name and that header. Most names begin with a capital or k."""
    found = {}
    for header in headers:
        for name in declared(header):
            if re.match(r"[A-Z]\w{3,}|k[A-Z]", name):
                found.setdefault(name, set()).add(header)
    return {name: next(iter(places)) for name, places in found.items() if len(places) == 1}


def missing(path, names, system):
    """(name, headers) of what the file uses and does not reach."""
    own, body = reached(path), code(path)
    for pattern, headers in RULES:
        use = pattern.search(body)
        if use and re.search(rf"^namespace {re.escape(use[0].strip(':'))} {{", body, re.MULTILINE):
            continue  # declares what it needs of that library
        if use and not any(have == want or (want[-1] in "/." and have.startswith(want)) for have in own for want in headers):
            yield use[0].strip("(< "), headers
    for name in sorted(set(re.findall(r"(?<![.\w>])\b([A-Za-z]\w{2,})\b", body)) & system.keys()):
        if own & system[name] or {IN_C.get(header, header) for header in own} & system[name]:
            continue
        use = rf"::{name}\(|(?<![.\w>:\"]){name}\(" if name.islower() else rf"(?<![.\w>:]){name}\b"
        if re.search(use, body) and not re.search(rf"[\w>*&] [*&]?{name}\b ?[({{;=,)]|# ?define {name}\b", body):
            yield name, sorted(system[name])
    own_headers = [header for header in own if (ROOT / header).is_file()]
    known = words(path, "declared").union(*(words(header) for header in own_headers))
    for name in words(path) - known:
        header = names.get(name)
        if header and header != path:
            yield name, (header,)


def main():
    tracked = subprocess.run(["git", "ls-files", "--cached", "--others", "--exclude-standard", "*.cc", "*.h"], cwd=ROOT,
                             capture_output=True, text=True, check=False)
    files = tracked.stdout.split() if tracked.returncode == 0 else [
        str(path.relative_to(ROOT)) for path in ROOT.rglob("*.[ch]*") if path.suffix in (".cc", ".h")]
    files = sorted(path for path in files if not path.startswith("build") and "/bpf/" not in path and (ROOT / path).is_file())
    names = ours([path for path in files if path.endswith(".h")])
    system = theirs(files)
    chosen = [os.path.relpath(pathlib.Path(path).resolve(), ROOT) for path in sys.argv[1:]] or files
    count = 0
    for path in chosen:
        for name, headers in missing(path, names, system):
            count += 1
            print(f"{path}: uses {name} without #include of {' or '.join(headers)}")
    print(f"includes: {len(chosen)} files", file=sys.stderr)
    return count > 0


if __name__ == "__main__":
    sys.exit(main())
