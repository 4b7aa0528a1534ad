# ruff: noqa: S603  # hadolint, buildah and podman, with words of our own
"""The image: linted with the chart's tests; `make test-image` builds it and runs it with the rights of the chart."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
import pytest
import yaml

from consumer import __version__
from tests.chart.binaries import REPOSITORY
from tests.chart.rendered import CHART
from tests.chart.test_process import EVENT, values
from tests.end_to_end.service import eventually
from tests.kafka import free_ports

if TYPE_CHECKING:
    from collections.abc import Iterator

    from consumer.simulator.target import Target
    from tests.chart.rendered import Chart
    from tests.kafka import Kafka

DOCKERFILE = REPOSITORY / "Dockerfile"
BASE = REPOSITORY / ".cache" / "image" / "base.tar"
STORE = REPOSITORY / ".cache" / "image" / "store"
IMAGE = "localhost/profile-consumer:tested"
RUNTIME = ("--cgroup-manager", "cgroupfs", "--runtime", "runc")

ASK = """
import os, pathlib, consumer
status = dict(line.split(":\\t") for line in pathlib.Path("/proc/self/status").read_text().splitlines())
for folder in ("/", "/tmp", "/app"):
    try:
        pathlib.Path(folder, "probe").touch()
        print("wrote", folder)
    except OSError:
        pass
print(os.getuid(), os.getgid(), status["CapEff"], status["NoNewPrivs"], status["Seccomp"])
print(sorted(path.name for path in pathlib.Path(consumer.__file__).parent.glob("schemas*")))
"""


@pytest.mark.chart
def test_hadolint_has_nothing_to_say() -> None:
    done = subprocess.run(
        [Path(sys.executable).with_name("hadolint"), DOCKERFILE], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout) == (0, "")


@pytest.mark.chart
def test_image_and_chart_agree() -> None:
    text = DOCKERFILE.read_text()
    chart = yaml.safe_load((CHART / "values.yaml").read_text())
    user = chart["podSecurityContext"]
    assert re.findall(r"^USER (.*)$", text, re.MULTILINE) == [f"{user['runAsUser']}:{user['runAsGroup']}"]
    assert re.findall(r"^ARG VERSION=(.*)$", text, re.MULTILINE) == [__version__]
    assert re.findall(r"^EXPOSE (.*)$", text, re.MULTILINE) == ["8080"]


@pytest.mark.chart
def test_the_build_sees_what_the_dockerfile_copies_and_nothing_else() -> None:
    copied = {
        word
        for line in re.findall(r"^COPY (?!--)(.*)$", DOCKERFILE.read_text(), re.MULTILINE)
        for word in line.split()[:-1]
    }
    let_in = {
        line.removeprefix("!")
        for line in (REPOSITORY / ".dockerignore").read_text().split("\n")
        if line.startswith("!")
    }
    assert copied == let_in
    assert all((REPOSITORY / name).exists() for name in copied)


def podman(*words: str | Path) -> str:
    return run("podman", "--root", STORE, "--runroot", STORE.with_name("run"), *RUNTIME, *words)


def run(*command: str | Path) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{command[0]} said: {done.stdout[-2000:]}{done.stderr[-4000:]}"
    return done.stdout


@pytest.fixture(scope="session")
def image() -> str:
    """The image, built of a Debian that has what the Dockerfile asks of its base."""
    missing = [program for program in ("buildah", "podman", "runc", "mmdebstrap") if not shutil.which(program)]
    assert not missing, f"apt-get install {' '.join(missing)}"
    base = re.findall(r"^ARG PYTHON=(.*)$", DOCKERFILE.read_text(), re.MULTILINE)[0]
    if not BASE.exists():
        BASE.parent.mkdir(parents=True, exist_ok=True)
        packages = "--include=python3,python3-venv,python3-pip,ca-certificates"
        run("mmdebstrap", "--quiet", "--variant=minbase", packages, "bookworm", BASE)
    if base not in podman("images", "--format", "{{.Repository}}:{{.Tag}}"):
        podman("import", BASE, base)
    storage = ("--root", STORE, "--runroot", STORE.with_name("run"))
    how = ("--isolation", "chroot", "--network", "host", "--pull-never", "--format", "docker")
    certificates = ("--volume", "/etc/ssl/certs:/etc/ssl/certs:ro")
    run("buildah", *storage, "bud", *how, *certificates, "--tag", IMAGE, REPOSITORY)
    return IMAGE


@pytest.fixture
def name() -> Iterator[str]:
    """A container's name; the container is gone after the test."""
    yield "profile-consumer-test"
    podman("rm", "--force", "--ignore", "profile-consumer-test")


@pytest.mark.image
def test_the_image_runs_with_the_rights_that_the_chart_gives_it(
    image: str, chart: Chart, kafka: Kafka, target: Target, tmp_path: Path, name: str
) -> None:
    topic, port = kafka.create_topic(1), free_ports(1)[0]
    pod = chart.pod(*values(kafka.bootstrap, target, topic))
    pod.mount(tmp_path)
    tmp_path.chmod(0o755)
    environment = pod.environment("profile-consumer", tmp_path) | {"PROFILE_CONSUMER_HTTP__PORT": str(port)}
    variables = [word for variable, value in environment.items() for word in ("--env", f"{variable}={value}")]
    limit = pod.container("profile-consumer")["resources"]["limits"]["memory"].removesuffix("i").lower()
    rights = ("--read-only", "--read-only-tmpfs=false", "--cap-drop", "ALL", "--security-opt", "no-new-privileges")
    machine = ("--network", "host", "--ulimit", "nofile=1024:1024", "--ulimit", "nproc=1024:1024", "--no-healthcheck")
    files = ("--volume", f"{tmp_path}:{tmp_path}:ro")
    args = pod.container("profile-consumer")["args"]
    podman("run", "--detach", "--name", name, "--memory", limit, *rights, *machine, *files, *variables, image, *args)

    def ready() -> bool:
        assert podman("inspect", "--format", "{{.State.Running}}", name).strip() == "true", podman("logs", name)
        try:
            return httpx.get(f"http://127.0.0.1:{port}/readyz").status_code == 200
        except httpx.TransportError:
            return False

    eventually(ready, "ready")
    kafka.produce(topic, [EVENT])
    eventually(lambda: len(target.history) == 1, "the event is delivered")
    rights_held, schemas = podman("exec", name, "python", "-c", ASK).splitlines()
    assert rights_held == "65532 65532 0000000000000000 1 2", (
        "no capability, no new privileges, seccomp, nothing written"
    )
    assert schemas == "[]", "no example mappings"
    podman("stop", "--time", "35", name)
    assert podman("inspect", "--format", "{{.State.ExitCode}} {{.State.OOMKilled}}", name).strip() == "0 false"
