# ruff: noqa: S603  # helm, with words of our own
"""The chart as Helm renders it, and what a pod of it would find on its file system."""

from __future__ import annotations

import base64
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import yaml

if TYPE_CHECKING:
    from collections.abc import Mapping

CHART = Path(__file__).parents[2] / "helm"
CI = sorted((CHART / "ci").glob("*-values.yaml"))
"""A file of values for each feature."""

BUILT_IN = {"apps/v1", "autoscaling/v2", "networking.k8s.io/v1", "policy/v1", "v1"}
"""Versions of the objects that Kubernetes itself knows."""

MOUNTED = "/etc/profile-consumer"

Object = dict[str, Any]


class Pod(NamedTuple):
    """A pod's spec, and the ConfigMaps and Secrets beside it."""

    spec: Object
    objects: list[Object]

    def container(self, name: str) -> Object:
        """A container or init container."""
        every = [*self.spec["containers"], *self.spec.get("initContainers", [])]
        return next(container for container in every if container["name"] == name)

    def mount(self, root: Path, others: Mapping[str, Mapping[str, str]] | None = None) -> None:
        """Lay the files of all volumes under `root`, as the kubelet would; paths in the settings file are moved along.

        `others` are Secrets that the chart only names, by name and key; what is not among them holds its key's name.
        """
        for mounted in self.container("profile-consumer")["volumeMounts"]:
            volume = next(volume for volume in self.spec["volumes"] if volume["name"] == mounted["name"])
            folder = root / mounted["mountPath"].lstrip("/")
            folder.mkdir(parents=True, exist_ok=True)
            for name, content in self._files(volume, others or {}).items():
                (folder / name).write_text(content.replace(MOUNTED, f"{root}{MOUNTED}"), encoding="utf-8")

    def environment(self, name: str, root: Path) -> dict[str, str]:
        """A container's variables, with paths moved to `root`; the pod is called `pod-0`."""
        return {
            variable["name"]: variable.get("value", "pod-0").replace(MOUNTED, f"{root}{MOUNTED}")
            for variable in self.container(name)["env"]
        }

    def _files(self, volume: Object, others: Mapping[str, Mapping[str, str]]) -> dict[str, str]:
        if "configMap" in volume:
            found = self._object("ConfigMap", volume["configMap"]["name"])
            return dict(found["data"]) if found else {}
        secret = volume["secret"]
        found = self._object("Secret", secret["secretName"])
        data: Mapping[str, str] = others.get(secret["secretName"], {})
        if found:
            data = {key: base64.b64decode(value).decode() for key, value in found["data"].items()}
        keys = secret.get("items") or [{"key": key, "path": key} for key in data or ("ca.crt", "tls.crt", "tls.key")]
        return {each["path"]: data.get(each["key"], each["key"]) for each in keys}

    def _object(self, kind: str, name: str) -> Object | None:
        named = (each for each in self.objects if (each["kind"], each["metadata"]["name"]) == (kind, name))
        return next(named, None)


class Chart:
    """`helm` on the chart of this repository."""

    def __init__(self, helm: Path) -> None:
        self._helm = helm

    def run(self, *words: str | Path) -> subprocess.CompletedProcess[str]:
        """Any command of helm."""
        return subprocess.run([self._helm, *words], capture_output=True, text=True, check=False)

    def render(self, *words: str | Path, release: str = "x", namespace: str = "profiles") -> list[Object]:
        """All objects of a release, hooks as well."""
        done = self.run("template", release, CHART, "--namespace", namespace, *words)
        assert done.returncode == 0, done.stderr
        return [rendered for rendered in yaml.safe_load_all(done.stdout) if rendered]

    def pod(self, *words: str | Path) -> Pod:
        """The service's pod in a release."""
        objects = self.render(*words)
        workload = next(each for each in objects if each["kind"] in {"Deployment", "StatefulSet"})
        return Pod(workload["spec"]["template"]["spec"], objects)
