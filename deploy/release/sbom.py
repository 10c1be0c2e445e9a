#!/usr/bin/env python3
"""Writes the SBOM (SPDX 2.3, JSON) of the portable program to standard output, and copies the licences of what is inside.

    sbom.py --version V --program FILE --static-sources DIRECTORY --licences DIRECTORY
"""

import argparse
import datetime
import hashlib
import json
import os
import pathlib
import re
import shutil
import subprocess

# Debian package -> (library, licence). Linked statically, compiled in as headers, or served by the page.
INSIDE = {
    "libabsl-dev": ("abseil-cpp", "Apache-2.0"),
    "libbpf-dev": ("libbpf", "LGPL-2.1-only OR BSD-2-Clause"),
    "libcli11-dev": ("CLI11", "BSD-3-Clause"),
    "libcrypt-dev": ("libxcrypt", "LGPL-2.1-or-later"),
    "libelf-dev": ("elfutils libelf", "GPL-2.0-or-later OR LGPL-3.0-or-later"),
    "libfmt-dev": ("fmt", "MIT"),
    "libjs-chart.js": ("Chart.js", "MIT"),
    "libre2-dev": ("RE2", "BSD-3-Clause"),
    "libspdlog-dev": ("spdlog", "MIT"),
    "libsqlite3-dev": ("SQLite", "blessing"),
    "libyaml-cpp-dev": ("yaml-cpp", "MIT"),
    "nlohmann-json3-dev": ("nlohmann-json", "MIT"),
    "zlib1g-dev": ("zlib", "Zlib"),
}
# Debian source package -> the same.
FROM_SOURCE = {"civetweb": ("civetweb", "MIT"), "prometheus-cpp": ("prometheus-cpp core", "MIT")}


def installed_version(package):
    return subprocess.run(["dpkg-query", "-W", "-f", "${Version}", package], check=True, text=True,
                          capture_output=True).stdout


def package(name, version, licence, url):
    return {"SPDXID": f"SPDXRef-{re.sub('[^A-Za-z0-9.-]', '-', name)}", "name": name, "versionInfo": version,
            "downloadLocation": "NOASSERTION", "filesAnalyzed": False, "licenseConcluded": licence,
            "licenseDeclared": licence, "copyrightText": "NOASSERTION",
            "externalRefs": [{"referenceCategory": "PACKAGE-MANAGER", "referenceType": "purl", "referenceLocator": url}]}


def main():
    parser = argparse.ArgumentParser()
    for flag in ("version", "program", "static-sources", "licences"):
        parser.add_argument(f"--{flag}", required=True)
    options = parser.parse_args()
    sources = pathlib.Path(options.static_sources)
    licences = pathlib.Path(options.licences)
    licences.mkdir(parents=True, exist_ok=True)

    digest = hashlib.sha256(pathlib.Path(options.program).read_bytes()).hexdigest()
    program = package("agent_exporter", options.version, "Apache-2.0 AND (GPL-2.0-only OR BSD-2-Clause)",
                      f"pkg:generic/agent_exporter@{options.version}?checksum=sha256:{digest}")
    program["checksums"] = [{"algorithm": "SHA256", "checksumValue": digest}]
    parts = []
    for debian, (name, licence) in INSIDE.items():
        version = installed_version(debian)
        parts.append(package(name, version, licence, f"pkg:deb/debian/{debian}@{version}"))
        shutil.copyfile(f"/usr/share/doc/{debian}/copyright", licences / f"{debian}.txt")
    for line in (sources / "versions").read_text().splitlines():
        source, version = line.split()
        name, licence = FROM_SOURCE[source]
        parts.append(package(name, version, licence, f"pkg:deb/debian/{source}@{version}?arch=source"))
        shutil.copyfile(sources / source / "debian/copyright", licences / f"{source}.txt")
    for text in licences.iterdir():
        text.chmod(0o644)

    created = datetime.datetime.fromtimestamp(int(os.environ["SOURCE_DATE_EPOCH"]), datetime.timezone.utc)
    print(json.dumps({
        "spdxVersion": "SPDX-2.3", "dataLicense": "CC0-1.0", "SPDXID": "SPDXRef-DOCUMENT",
        "name": f"agent_exporter-{options.version}",
        "documentNamespace": f"https://spdx.org/spdxdocs/agent_exporter-{options.version}-{digest[:16]}",
        "creationInfo": {"created": created.strftime("%Y-%m-%dT%H:%M:%SZ"), "creators": ["Tool: deploy/release/sbom.py"]},
        "packages": [program] + parts,
        "relationships": [{"spdxElementId": "SPDXRef-DOCUMENT", "relationshipType": "DESCRIBES",
                           "relatedSpdxElement": program["SPDXID"]}]
                         + [{"spdxElementId": program["SPDXID"], "relationshipType": "STATIC_LINK",
                             "relatedSpdxElement": part["SPDXID"]} for part in parts],
    }, indent=1))


if __name__ == "__main__":
    main()
