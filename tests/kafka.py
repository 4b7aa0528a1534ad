# ruff: noqa: S603  # Kafka itself, with words of our own
"""Real Apache Kafka for tests: one or three brokers (KRaft), with SASL, TLS and ACLs if wanted, that can be hurt.

    with KafkaCluster() as kafka: kafka.bootstrap            # PLAINTEXT, one broker
    with KafkaCluster(brokers=3) as kafka: kafka.kill(1)     # replication factor 3, two must be in sync
    with KafkaCluster(users={"ann": "pw"}) as kafka: kafka.bootstrap_sasl, kafka.ca    # also SASL_SSL, mTLS and ACLs

Ports lie below the range that the kernel gives to outgoing connections: a client can't take those of a dead broker.
"""

from __future__ import annotations

import base64
import itertools
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import uuid
from pathlib import Path
from typing import TYPE_CHECKING, Self

from confluent_kafka import Consumer, KafkaException, Producer, TopicPartition
from confluent_kafka.admin import (  # type: ignore[attr-defined]  # the library exports them, without __all__
    AclBinding,
    AclOperation,
    AclPermissionType,
    AdminClient,
    ResourcePatternType,
    ResourceType,
)
from confluent_kafka.cimpl import NewTopic

from consumer.adapters.kafka_errors import MOVING
from tests import kafka_runtime
from tests.kafka_runtime import START_SECONDS, Jars
from tests.kafka_server import ADMIN, LOG4J, Ports, make_certificates, server_settings

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from tests.kafka_runtime import Runtime

_FIRST_PORT, _LAST_PORT = 20000, 32000
_WORKER = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
_WORKERS = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
_taken: set[int] = set()
_numbers = itertools.count()


def free_ports(count: int) -> list[int]:
    """Ports of 127.0.0.1 that nobody listens on and that were not given out before in this process.

    Of processes that run tests side by side none gets a port that is another's and free while its broker is down.
    """
    found: list[int] = []
    port = _FIRST_PORT + (os.getpid() * 37 + time.monotonic_ns() // 1_000_000) % 10_000
    while len(found) < count:
        port = port + 1 if port < _LAST_PORT else _FIRST_PORT
        if port in _taken or port % _WORKERS != _WORKER:
            continue
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        found.append(port)
        _taken.add(port)
    return found


class Kafka:
    """A Kafka that answers at `bootstrap`: what tests do with it as its users."""

    def __init__(self, bootstrap: str) -> None:
        self._bootstrap = bootstrap
        self._admin: AdminClient | None = None
        self._groups: dict[str, Consumer] = {}

    @property
    def bootstrap(self) -> str:
        """`host:port` of the listener without security."""
        return self._bootstrap

    @property
    def admin(self) -> AdminClient:
        """An admin client that may do everything."""
        if self._admin is None:
            fast = {"reconnect.backoff.ms": 50, "reconnect.backoff.max.ms": 200, "log_level": 0}
            self._admin = AdminClient({"bootstrap.servers": self.bootstrap, **fast})
        return self._admin

    def create_topic(self, partitions: int = 1, name: str | None = None, **config: str) -> str:
        """A new topic, by default of a name that no other has; settings are written with `_` for `.`."""
        name = name or f"t{next(_numbers)}-{uuid.uuid4().hex[:8]}"
        settings = {key.replace("_", "."): value for key, value in config.items()}
        for created in self.admin.create_topics([NewTopic(name, partitions, config=settings)]).values():
            created.result(START_SECONDS)
        return name

    def committed(self, group: str, topic: str, partitions: int) -> list[tuple[int, str]]:
        """Offset and metadata that a group has committed, by partition; negative without a commit.

        Asked as a consumer that does not join: the admin client's question can end the process (librdkafka#5040).
        """
        asked = [TopicPartition(topic, number) for number in range(partitions)]
        if group not in self._groups:
            self._groups[group] = Consumer({"bootstrap.servers": self.bootstrap, "group.id": group, "log_level": 0})
        end = time.monotonic() + START_SECONDS
        while True:
            try:
                found = self._groups[group].committed(asked, timeout=START_SECONDS)
            except KafkaException as error:
                if error.args[0].code() not in MOVING or time.monotonic() >= end:
                    raise
                time.sleep(0.1)
            else:
                return [(part.offset, part.metadata or "") for part in found]

    def settle(self) -> None:
        """Until it has once given out a producer's id and found a group's coordinator, a fresh broker refuses both."""
        topic = self.create_topic(name="settled")
        self.produce(topic, [b""])
        self.committed("settled", topic, 1)

    def produce(self, topic: str, values: Iterable[bytes | None], partition: int = 0, **options: object) -> None:
        """Write records to one partition and wait until the broker has them; options: `key`, `timestamp`, `headers`."""
        large, ordered = {"message.max.bytes": 20_000_000}, {"enable.idempotence": True}
        producer = Producer({"bootstrap.servers": self.bootstrap, "linger.ms": 1, **large, **ordered, "log_level": 0})
        refused: list[str] = []
        for value in values:
            producer.produce(
                topic,
                value,
                partition=partition,
                on_delivery=lambda error, _: refused.append(str(error)) if error else None,
                **options,  # type: ignore[arg-type]
            )
            producer.poll(0)
        left = producer.flush(START_SECONDS)
        if refused or left:
            raise AssertionError(
                f"{len(refused)} of the records were refused ({refused[:1]}), {left} never acknowledged"
            )


class KafkaCluster(Kafka):
    """Brokers of our own. Data and ports outlive `kill` and `stop`; all processes end with the `with` block."""

    def __init__(
        self, brokers: int = 1, users: Mapping[str, str] | None = None, settings: Mapping[str, str] | None = None
    ) -> None:
        self.brokers = range(1, brokers + 1)
        self.users = dict(users or {})
        self.ca: Path | None = None
        self._settings = dict(settings or {})
        self._runtime: Runtime = kafka_runtime.find()
        self._folder = Path(tempfile.mkdtemp(prefix="kafka-test-"))
        self._ports = {broker: Ports(*free_ports(4)) for broker in self.brokers}
        self._processes: dict[int, subprocess.Popen[bytes]] = {}
        self._archive: Path | None = None
        super().__init__(",".join(f"127.0.0.1:{self._ports[broker].plain}" for broker in self.brokers))

    @property
    def bootstrap_sasl(self) -> str:
        """`host:port` of the SASL_SSL listeners."""
        return ",".join(f"localhost:{self._ports[broker].secure}" for broker in self.brokers)

    def sasl(self, user: str) -> dict[str, str]:
        """What a client of `user` needs besides the address."""
        return {
            "security.protocol": "SASL_SSL",
            "ssl.ca.location": str(self.ca),
            "sasl.mechanism": "SCRAM-SHA-512",
            "sasl.username": user,
            "sasl.password": self.users[user],
        }

    @property
    def bootstrap_mutual(self) -> str:
        """`host:port` of the SSL listeners, which ask for a certificate."""
        return ",".join(f"localhost:{self._ports[broker].mutual}" for broker in self.brokers)

    def mutual(self, user: str) -> dict[str, str]:
        """What a client needs besides the address to be `user` by its certificate."""
        return {
            "security.protocol": "SSL",
            "ssl.ca.location": str(self.ca),
            "ssl.certificate.location": str(self._folder / f"user-{user}.crt"),
            "ssl.key.location": str(self._folder / f"user-{user}.key"),
        }

    def allow(self, user: str, kind: ResourceType, name: str, *operations: AclOperation) -> None:
        """Give a user rights on a topic or a group."""
        who = (ResourcePatternType.LITERAL, f"User:{user}", "*")
        bindings = [AclBinding(kind, name, *who, operation, AclPermissionType.ALLOW) for operation in operations]
        for created in self.admin.create_acls(bindings).values():
            created.result(START_SECONDS)

    def __enter__(self) -> Self:
        try:
            self._format()
            for broker in self.brokers:
                self._launch(broker)
            self._wait()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        for broker in list(self._processes):
            self._end(broker, signal.SIGTERM if self._archive else signal.SIGKILL)
        if self._archive and self._archive.exists():
            self._archive.rename(self._archive.with_suffix(".jsa"))
        shutil.rmtree(self._folder, ignore_errors=True)

    def start(self, broker: int = 1) -> None:
        """Start a broker again, on its old data and ports, and wait until it serves."""
        self._launch(broker)
        self._wait()

    def stop(self, broker: int = 1) -> None:
        """Shut a broker down in order."""
        self._end(broker, signal.SIGTERM)

    def kill(self, broker: int = 1) -> None:
        """SIGKILL: connections break at once."""
        self._end(broker, signal.SIGKILL)

    def pause(self, broker: int = 1) -> None:
        """SIGSTOP: connections stay, nothing is answered."""
        self._signal(broker, signal.SIGSTOP)

    def resume(self, broker: int = 1) -> None:
        """Let a paused broker go on."""
        self._signal(broker, signal.SIGCONT)

    def log(self, broker: int = 1) -> str:
        """The end of what a broker logged."""
        return (self._folder / f"broker{broker}.log").read_text(errors="replace")[-4000:]

    def _name(self, broker: int) -> str:
        return f"kafka-test-{self._ports[broker].plain}"

    def _signal(self, broker: int, number: signal.Signals) -> None:
        self._runtime.signal(self._processes[broker], self._name(broker), number)

    def _end(self, broker: int, number: signal.Signals) -> None:
        self._signal(broker, number)
        process = self._processes.pop(broker)
        try:
            process.wait(START_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def _format(self) -> None:
        (self._folder / "log4j2.yaml").write_text(LOG4J)
        if self.users:
            self.users.setdefault(ADMIN, "admin-secret")
            self.ca = make_certificates(self._folder, self.users)
        scram = [f"SCRAM-SHA-512=[name={user},password={password}]" for user, password in self.users.items()]
        cluster = base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
        formatting = []
        for broker in self.brokers:
            file = self._folder / f"server{broker}.properties"
            settings = server_settings(broker, self._ports, self._folder, secure=bool(self.users)) | self._settings
            file.write_text("".join(f"{key}={value}\n" for key, value in settings.items()))
            command = self._runtime.command(self._folder, f"{self._name(broker)}-format", "128m", ("-Xshare:auto",))
            added = [word for credential in scram for word in ("--add-scram", credential)]
            tool = [*command, "kafka.tools.StorageTool", "format", f"--cluster-id={cluster}", "-c", str(file), *added]
            formatting.append(subprocess.Popen(tool, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True))
        for process in formatting:
            output, _ = process.communicate(timeout=START_SECONDS)
            if process.returncode:
                raise RuntimeError(f"Kafka's storage could not be formatted:\n{output[-4000:]}")

    def _launch(self, broker: int) -> None:
        command = self._runtime.command(self._folder, self._name(broker), "512m", self._sharing())
        with (self._folder / f"broker{broker}.log").open("ab") as log:
            self._processes[broker] = subprocess.Popen(
                [*command, "kafka.Kafka", str(self._folder / f"server{broker}.properties")],
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def _sharing(self) -> tuple[str, ...]:
        if not isinstance(self._runtime, Jars):
            return ()
        archive = self._runtime.archive()
        if archive.exists():
            return (f"-XX:SharedArchiveFile={archive}", "-Xshare:auto")
        if self._archive or not archive.parent.is_dir():
            return ()
        self._archive = archive.with_suffix(f".{os.getpid()}")
        return (f"-XX:ArchiveClassesAtExit={self._archive}",)

    def _wait(self) -> None:
        """Every living broker answers for itself, and knows all the others that live."""
        end = time.monotonic() + START_SECONDS
        for broker, process in self._processes.items():
            address = f"127.0.0.1:{self._ports[broker].plain}"
            quick = {"reconnect.backoff.ms": 50, "reconnect.backoff.max.ms": 200, "log_level": 0}
            admin = AdminClient({"bootstrap.servers": address, **quick})
            while not self._serves(admin):
                if process.poll() is not None or time.monotonic() > end:
                    raise RuntimeError(f"broker {broker} does not serve; the end of its log:\n{self.log(broker)}")
                time.sleep(0.05)

    def _serves(self, admin: AdminClient) -> bool:
        try:
            return set(admin.list_topics(timeout=1).brokers) >= set(self._processes)
        except KafkaException:
            return False
