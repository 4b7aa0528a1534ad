# ruff: noqa: S603, S607  # openssl of this machine, with words of our own
"""The files of a broker: its settings, its logging, its certificates."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

LOG4J = """\
Configuration:
  Appenders:
    Console: {name: C, PatternLayout: {pattern: "%d{ISO8601} %p %c{1} %m%n"}}
  Loggers:
    Root: {level: WARN, AppenderRef: {ref: C}}
"""
ADMIN = "admin"


class Ports(NamedTuple):
    """Where a broker listens."""

    plain: int
    controller: int
    secure: int
    mutual: int


def server_settings(broker: int, ports: Mapping[int, Ports], folder: Path, *, secure: bool) -> dict[str, object]:
    """The settings of one broker of those in `ports`."""
    own = ports[broker]
    replicas = min(3, len(ports))
    settings: dict[str, object] = {
        "process.roles": "broker,controller",
        "node.id": broker,
        "controller.listener.names": "CONTROLLER",
        "controller.quorum.voters": ",".join(f"{other}@127.0.0.1:{its.controller}" for other, its in ports.items()),
        "inter.broker.listener.name": "PLAINTEXT",
        "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,SASL_SSL:SASL_SSL,SSL:SSL",
        "listeners": f"PLAINTEXT://127.0.0.1:{own.plain},CONTROLLER://127.0.0.1:{own.controller}",
        "advertised.listeners": f"PLAINTEXT://127.0.0.1:{own.plain}",
        "log.dirs": folder / f"data{broker}",
        "default.replication.factor": replicas,
        "min.insync.replicas": min(2, replicas),
        **_SMALL,
    }
    for topic in ("offsets.topic", "transaction.state.log", "share.coordinator.state.topic"):
        settings[f"{topic}.replication.factor"] = replicas
    settings["transaction.state.log.min.isr"] = settings["share.coordinator.state.topic.min.isr"] = min(2, replicas)
    if secure:
        for name, host in (("listeners", "127.0.0.1"), ("advertised.listeners", "localhost")):
            settings[name] = f"{settings[name]},SASL_SSL://{host}:{own.secure},SSL://{host}:{own.mutual}"
        settings |= _SECURE
        for listener in ("sasl_ssl", "ssl"):
            settings[f"listener.name.{listener}.ssl.keystore.type"] = "PEM"
            settings[f"listener.name.{listener}.ssl.keystore.location"] = folder / "server.pem"
        settings["listener.name.ssl.ssl.truststore.location"] = folder / "ca.pem"
    return settings


_SMALL = {
    "num.partitions": 1,
    "offsets.topic.num.partitions": 5,
    "transaction.state.log.num.partitions": 5,
    "share.coordinator.state.topic.num.partitions": 1,
    "auto.create.topics.enable": "false",
    "group.initial.rebalance.delay.ms": 0,
    "group.min.session.timeout.ms": 1000,
    "group.consumer.min.session.timeout.ms": 1000,
    "group.consumer.session.timeout.ms": 6000,
    "group.consumer.min.heartbeat.interval.ms": 500,
    "group.consumer.heartbeat.interval.ms": 500,
    "log.cleaner.backoff.ms": 200,
    "log.cleaner.dedupe.buffer.size": 4 * 1024 * 1024,
    "broker.session.timeout.ms": 3000,
    "broker.heartbeat.interval.ms": 500,
    "controller.quorum.election.timeout.ms": 500,
    "controller.quorum.fetch.timeout.ms": 1000,
    "num.network.threads": 2,
    "num.io.threads": 4,
    "message.max.bytes": 11_000_000,
}
"""Settings that make a broker small and quick to notice things; topics must be created, as in most companies."""

_SECURE = {
    "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
    "super.users": f"User:ANONYMOUS;User:{ADMIN}",  # ANONYMOUS: whoever uses the listener without security
    "allow.everyone.if.no.acl.found": "false",
    "sasl.enabled.mechanisms": "SCRAM-SHA-512,OAUTHBEARER",
    "listener.name.sasl_ssl.scram-sha-512.sasl.jaas.config": (
        "org.apache.kafka.common.security.scram.ScramLoginModule required;"
    ),
    "listener.name.sasl_ssl.oauthbearer.sasl.jaas.config": (  # takes tokens that nobody signed
        "org.apache.kafka.common.security.oauthbearer.OAuthBearerLoginModule required "
        'unsecuredLoginStringClaim_sub="broker";'
    ),
    "listener.name.ssl.ssl.client.auth": "required",
    "listener.name.ssl.ssl.truststore.type": "PEM",
    "listener.name.ssl.ssl.principal.mapping.rules": "RULE:^CN=(.*)$/$1/",
}


def make_certificates(folder: Path, users: Iterable[str]) -> Path:
    """An authority (`ca.pem`, returned), the brokers' key and certificate (`server.pem`), and those of each user."""
    openssl(
        folder, "req", "-x509", *_NEW_KEY, "-keyout", "ca.key", "-out", "ca.pem", "-days", "30", "-subj", "/CN=test-ca"
    )
    (folder / "names").write_text("subjectAltName=DNS:localhost,IP:127.0.0.1\n")
    for name, subject, more in (
        ("server", "localhost", ("-extfile", "names")),
        *((f"user-{user}", user, ()) for user in users),
    ):
        openssl(folder, "req", *_NEW_KEY, "-keyout", f"{name}.key", "-out", f"{name}.csr", "-subj", f"/CN={subject}")
        signing = ("-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-days", "30", *more)
        openssl(folder, "x509", "-req", "-in", f"{name}.csr", *signing, "-out", f"{name}.crt")
    parts = ("server.key", "server.crt", "ca.pem")
    (folder / "server.pem").write_text("".join((folder / part).read_text() for part in parts))
    return folder / "ca.pem"


def openssl(folder: Path, *words: str) -> None:
    """Run openssl in a folder."""
    subprocess.run(["openssl", *words], check=True, capture_output=True, cwd=folder)


_NEW_KEY = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")
