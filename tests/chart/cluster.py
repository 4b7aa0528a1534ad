# ruff: noqa: S603, S607  # Kubernetes' own programs and openssl, with words of our own
"""A real Kubernetes control plane on this machine, with nodes of kwok.

Pods are admitted, scheduled, rolled and evicted as anywhere, but their containers don't run.
"""

from __future__ import annotations

import json
import os
import subprocess
import time
from typing import TYPE_CHECKING, Any, Self

from tests.chart import binaries
from tests.kafka import free_ports

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

NODES = ("node-0", "node-1")
PATIENCE = 180.0
"""Seconds for whatever must happen; far more than it takes, since the machine may be busy."""

_LOCAL = "127.0.0.1"
_SERVICES = "10.96.0"


class Cluster:
    """etcd, API server, controllers, scheduler and kwok between `with` and its end."""

    def __init__(self, tools: Path, folder: Path) -> None:
        self._tools = tools
        self._folder = folder
        self._processes: list[subprocess.Popen[bytes]] = []
        self._ports = free_ports(6)
        self._config = folder / "kubeconfig"

    def __enter__(self) -> Self:
        try:
            self._certificates()
            self._start_all()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        for process in reversed(self._processes):
            process.terminate()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def helm(self, *words: str | Path) -> subprocess.CompletedProcess[str]:
        """Any command of helm; how it ended is for the caller to judge."""
        return self._run("helm", *words)

    def kubectl(self, *words: str | Path, stdin: str | None = None) -> str:
        """Any command of kubectl that must succeed; what it printed."""
        done = self._run("kubectl", *words, stdin=stdin)
        assert done.returncode == 0, f"kubectl {' '.join(map(str, words))}: {done.stderr}"
        return done.stdout

    def refused(self, *words: str | Path, stdin: str | None = None) -> str:
        """A command of kubectl that must fail; why it did."""
        done = self._run("kubectl", *words, stdin=stdin)
        assert done.returncode != 0, f"kubectl {' '.join(map(str, words))} succeeded: {done.stdout}"
        return done.stderr

    def start(self, *words: str | Path) -> subprocess.Popen[str]:
        """A command of helm or kubectl that goes on while the test does something."""
        program, *rest = words
        return subprocess.Popen(
            [self._tools / program, *rest],
            env=self._environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def get(self, namespace: str, *words: str) -> Any:  # any of Kubernetes' objects
        """One object, or the list of all of a kind."""
        found = json.loads(self.kubectl("get", "--namespace", namespace, "-o", "json", *words))
        return found["items"] if found["kind"] == "List" else found

    def namespace(self, name: str) -> str:
        """A new namespace that enforces the restricted level of Pod Security."""
        labels = {"pod-security.kubernetes.io/enforce": "restricted"}
        made = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels}}
        self.kubectl("apply", "-f", "-", stdin=json.dumps(made))
        self.eventually(lambda: self._run("kubectl", "get", "-n", name, "serviceaccount", "default").returncode == 0)
        return name

    def eventually(self, holds: Callable[[], Any]) -> Any:  # whatever it returned
        """Wait until it holds; what it returned."""
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            if result := holds():
                return result
            time.sleep(0.1)
        raise AssertionError(f"not within {PATIENCE:g} s; the end of each log:\n{self._logs()}")

    def _run(self, program: str, *words: str | Path, stdin: str | None = None) -> subprocess.CompletedProcess[str]:
        command = [self._tools / program, *words]
        return subprocess.run(
            command, env=self._environment(), input=stdin, capture_output=True, text=True, check=False
        )

    def _environment(self) -> dict[str, str]:
        return {**os.environ, "KUBECONFIG": str(self._config), "HELM_CACHE_HOME": str(self._folder / "helm")}

    def _launch(self, program: str, **options: str | int | Path) -> None:
        words = [f"--{name.replace('_', '-')}={value}" for name, value in options.items()]
        with (self._folder / f"{program}.log").open("wb") as log:
            process = subprocess.Popen(
                [self._tools / program, *words], cwd=self._folder, stdout=log, stderr=log, start_new_session=True
            )
        self._processes.append(process)

    def _start_all(self) -> None:
        store, peers, secure, controllers, scheduler, kubelet = self._ports
        config = self._config
        self._launch(
            "etcd",
            data_dir=self._folder / "etcd",
            listen_client_urls=f"http://{_LOCAL}:{store}",
            advertise_client_urls=f"http://{_LOCAL}:{store}",
            listen_peer_urls=f"http://{_LOCAL}:{peers}",
            initial_advertise_peer_urls=f"http://{_LOCAL}:{peers}",
            initial_cluster=f"default=http://{_LOCAL}:{peers}",
            unsafe_no_fsync="true",
        )
        self._launch(
            "kube-apiserver",
            etcd_servers=f"http://{_LOCAL}:{store}",
            bind_address=_LOCAL,
            advertise_address=_LOCAL,
            secure_port=secure,
            tls_cert_file="server.crt",
            tls_private_key_file="server.key",
            client_ca_file="ca.crt",
            authorization_mode="Node,RBAC",
            service_account_issuer="https://kubernetes.default.svc",
            service_account_key_file="accounts.pub",
            service_account_signing_key_file="accounts.key",
            service_cluster_ip_range=f"{_SERVICES}.0/16",
            endpoint_reconciler_type="none",
        )
        self.eventually(self._answers)
        self._launch(
            "kube-controller-manager",
            kubeconfig=config,
            authentication_kubeconfig=config,
            authorization_kubeconfig=config,
            service_account_private_key_file="accounts.key",
            root_ca_file="ca.crt",
            use_service_account_credentials="true",
            leader_elect="false",
            bind_address=_LOCAL,
            secure_port=controllers,
        )
        self._launch(
            "kube-scheduler", kubeconfig=config, leader_elect="false", bind_address=_LOCAL, secure_port=scheduler
        )
        self._launch(
            "kwok",
            kubeconfig=config,
            manage_all_nodes="true",
            node_ip=_LOCAL,
            cidr="10.0.0.1/24",
            node_port=kubelet,
            node_lease_duration_seconds=40,
        )
        self.kubectl("apply", "-f", "-", stdin="\n---\n".join(map(_node, NODES)))
        self.kubectl("wait", "--for=condition=Ready", "nodes", "--all", f"--timeout={PATIENCE:g}s")
        for folder in binaries.crds():
            self.kubectl("apply", "--server-side", "-f", folder)

    def _answers(self) -> bool:
        if any(process.poll() is not None for process in self._processes):
            raise AssertionError(f"Kubernetes ended while it started; the end of each log:\n{self._logs()}")
        return self._run("kubectl", "get", "--raw", "/readyz").returncode == 0

    def _logs(self) -> str:
        return "\n".join(f"{log.name}: {log.read_text(errors='replace')[-800:]}" for log in self._folder.glob("*.log"))

    def _certificates(self) -> None:
        def openssl(*words: str) -> None:
            subprocess.run(["openssl", *words], cwd=self._folder, check=True, capture_output=True)

        key = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")
        openssl("req", "-x509", *key, "-days", "2", "-subj", "/CN=tests", "-keyout", "ca.key", "-out", "ca.crt")
        openssl("genrsa", "-out", "accounts.key", "2048")
        openssl("rsa", "-in", "accounts.key", "-pubout", "-out", "accounts.pub")
        names = f"subjectAltName=IP:{_LOCAL},IP:{_SERVICES}.1,DNS:localhost,DNS:kubernetes.default.svc"
        for name, subject, extension in (
            ("server", "/CN=kube-apiserver", f"{names}\nextendedKeyUsage=serverAuth\n"),
            ("admin", "/O=system:masters/CN=admin", "extendedKeyUsage=clientAuth\n"),
        ):
            (self._folder / "extensions").write_text(extension)
            openssl("req", *key, "-subj", subject, "-keyout", f"{name}.key", "-out", f"{name}.csr")
            signing = ("-CA", "ca.crt", "-CAkey", "ca.key", "-CAcreateserial", "-days", "2", "-extfile", "extensions")
            openssl("x509", "-req", "-in", f"{name}.csr", *signing, "-out", f"{name}.crt")
        self._config.write_text(json.dumps(self._kubeconfig()))

    def _kubeconfig(self) -> dict[str, Any]:
        server = {"server": f"https://{_LOCAL}:{self._ports[2]}", "certificate-authority": str(self._folder / "ca.crt")}
        admin = {
            "client-certificate": str(self._folder / "admin.crt"),
            "client-key": str(self._folder / "admin.key"),
        }
        return {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": "tests",
            "clusters": [{"name": "tests", "cluster": server}],
            "users": [{"name": "admin", "user": admin}],
            "contexts": [{"name": "tests", "context": {"cluster": "tests", "user": "admin"}}],
        }


def _node(name: str) -> str:
    room = {"cpu": "8", "memory": "16Gi", "pods": "110"}
    labels = {"kubernetes.io/hostname": name, "kubernetes.io/os": "linux"}
    return json.dumps(
        {
            "apiVersion": "v1",
            "kind": "Node",
            "metadata": {"name": name, "labels": labels},
            "spec": {},
            "status": {"allocatable": room, "capacity": room},
        }
    )
