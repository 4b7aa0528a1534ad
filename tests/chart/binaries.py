# ruff: noqa: S603, S607  # go and apt-get of this machine, with words of our own
"""The programs that the chart's tests run: Kubernetes itself, Helm, promtool; built or fetched once into .cache.

A whole Kubernetes takes about 13 minutes of one core the first time. Binaries are kept by what they are made of: a
changed version is built anew, and nothing else is.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

REPOSITORY = Path(__file__).parents[2]
TOOLS = Path(__file__).parent / "tools"
CACHE = REPOSITORY / ".cache" / "kubernetes"

KUBERNETES = "1.34.4"
HELM = "v3.19.0"
KWOK = "sigs.k8s.io/kwok/cmd/kwok@v0.7.0"  # of a module of its own: it does not compile against this Kubernetes
CRDS = {
    "github.com/prometheus-operator/prometheus-operator@v0.85.0": "example/prometheus-operator-crd",
    "github.com/kedacore/keda/v2@v2.17.0": "config/crd/bases",
}
"""Modules that hold definitions of the objects that Kubernetes itself doesn't know, and the folder within each."""


def _link_flags() -> str:
    """Without them Kubernetes and Helm don't know their versions, and take Kubernetes for an old one."""
    major, minor, _ = KUBERNETES.split(".")
    words = {
        "k8s.io/component-base/version.gitVersion": f"v{KUBERNETES}",
        "k8s.io/component-base/version.gitMajor": major,
        "k8s.io/component-base/version.gitMinor": minor,
        "helm.sh/helm/v3/internal/version.version": HELM,
        **{
            f"helm.sh/helm/v3/pkg/{package}.k8sVersion{part}": number
            for package in ("chartutil", "lint/rules")
            for part, number in (("Major", major), ("Minor", minor))
        },
    }
    return " ".join(("-s -w", *(f"-X {name}={value}" for name, value in words.items())))


def folder() -> Path:
    """The folder of the binaries, after building what is missing."""
    made_of = [(TOOLS / name).read_bytes() for name in ("go.mod", "go.sum")]
    key = hashlib.sha256(b"\0".join([*made_of, _link_flags().encode(), KWOK.encode()])).hexdigest()[:16]
    built = CACHE / key
    if not built.is_dir():
        CACHE.mkdir(parents=True, exist_ok=True)
        unfinished = Path(tempfile.mkdtemp(prefix="building-", dir=CACHE))
        _build(unfinished)
        unfinished.rename(built)
    return built


def promtool() -> Path:
    """Prometheus' own checker of rules and metrics: `PROMTOOL`, or the one on the path, or Debian's package."""
    return _of_prometheus("promtool")


def prometheus() -> Path:
    """Prometheus itself: `PROMETHEUS`, or the one on the path, or Debian's package."""
    return _of_prometheus("prometheus")


def _of_prometheus(program: str) -> Path:
    if found := os.environ.get(program.upper()) or shutil.which(program):
        return Path(found)
    unpacked = CACHE / "prometheus"
    if not unpacked.is_dir():
        CACHE.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=CACHE) as name:
            _download_prometheus(Path(name))
            (package,) = Path(name).glob("prometheus_*.deb")
            _run("dpkg", "-x", str(package), f"{name}/files")
            (Path(name) / "files").rename(unpacked)
    return unpacked / "usr" / "bin" / program


def crds() -> list[Path]:
    """Folders of custom resource definitions: those of the Prometheus operator and of KEDA."""
    downloaded = subprocess.run(
        ["go", "mod", "download", "-json", *CRDS], cwd=TOOLS, capture_output=True, text=True, check=True
    ).stdout
    decoder, places = json.JSONDecoder(), {}
    while downloaded := downloaded.lstrip():
        module, end = decoder.raw_decode(downloaded)
        places[f"{module['Path']}@{module['Version']}"] = Path(module["Dir"])
        downloaded = downloaded[end:]
    return [places[module] / inside for module, inside in CRDS.items()]


def _build(into: Path) -> None:
    if not shutil.which("go"):
        raise RuntimeError("the chart's tests need Go on the path: they run a real Kubernetes, built from its modules")
    print("Building Kubernetes and Helm, once; this takes about 7 minutes on two cores …", flush=True)  # noqa: T201
    options = ("-trimpath", "-buildvcs=false", "-ldflags", _link_flags())
    environment = {**os.environ, "CGO_ENABLED": "0", "GOBIN": str(into), "GOFLAGS": ""}
    for command in (["build", *options, "-o", f"{into}/", "tool"], ["install", "-trimpath", "-ldflags", "-s -w", KWOK]):
        subprocess.run(["go", *command], cwd=TOOLS, env=environment, check=True)
    (into / "server").rename(into / "etcd")


def _download_prometheus(into: Path) -> None:
    command = ["apt-get", "download", "-qq", "prometheus"]
    if subprocess.run(command, cwd=into, capture_output=True, check=False).returncode:
        _run("apt-get", "update", "-qq")
        subprocess.run(command, cwd=into, capture_output=True, check=True)


def _run(*command: str) -> None:
    subprocess.run(command, capture_output=True, check=True)


if __name__ == "__main__":
    if len(sys.argv) > 1:
        os.execv(folder() / sys.argv[1], sys.argv[1:])  # noqa: S606  # one of them, with the words behind its name
    print("The chart's tests use", folder(), promtool(), *crds(), sep="\n  ")  # noqa: T201  # for a person
