"""Which fault meets a call."""

from __future__ import annotations

from typing import TYPE_CHECKING

from consumer.simulator.update import attributes_of

if TYPE_CHECKING:
    from collections.abc import Sequence
    from random import Random

    from consumer.simulator.behaviour import Fault
    from consumer.simulator.update import Update


class _Armed:
    """A fault with the calls and the time that it has left."""

    def __init__(self, fault: Fault, now: float) -> None:
        self.fault = fault
        self._left = fault.calls
        self._until = None if fault.seconds is None else now + fault.seconds

    def meets(self, update: Update, now: float, chance: Random) -> bool:
        fault = self.fault
        identity = update.identity.partition("=")[2]
        if self._left == 0 or (self._until is not None and now >= self._until):
            return False
        if fault.identities is not None and fault.identities.isdisjoint((identity, identity.partition(".")[0])):
            return False
        if fault.matching is not None and not fault.matching.search(identity):
            return False
        if fault.setting is not None and fault.setting.isdisjoint(attributes_of(update.encoded)):
            return False
        if fault.share < 1 and chance.random() >= fault.share:
            return False
        if self._left is not None:
            self._left -= 1
        return True


class Faults:
    """The faults in force since `now`; `chance` decides about shares."""

    def __init__(self, faults: Sequence[Fault], now: float, chance: Random) -> None:
        self._armed = [_Armed(fault, now) for fault in faults]
        self._chance = chance

    def pick(self, update: Update, now: float) -> Fault | None:
        """The first fault that meets this update; it has one call less from then on."""
        return next((armed.fault for armed in self._armed if armed.meets(update, now, self._chance)), None)
