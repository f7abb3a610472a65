"""How things stand at the moment somebody asks: engines, the line, the store."""

from __future__ import annotations

from collections.abc import Iterator

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from chat.engines.base import Phase
from chat.services import Services


class State(Collector):
    """Read anew for every answer; nothing is kept."""

    def __init__(self, services: Services) -> None:
        self._services = services

    def collect(self) -> Iterator[Metric]:
        yield from self._line()
        yield self._engines()
        yield self._faults()

    def _line(self) -> Iterator[Metric]:
        line = self._services.session.serving.line
        yield GaugeMetricFamily(
            "perm_chat_replies_being_written", "Replies being written or asked for.", line.writing
        )
        yield GaugeMetricFamily(
            "perm_chat_judge_calls_due", "Judge calls of turns that wait or run.", line.judging_due
        )
        yield GaugeMetricFamily(
            "perm_chat_judge_calls_running", "Judge calls that run, warming too.", line.seated
        )

    def _engines(self) -> Metric:
        states = GaugeMetricFamily(
            "perm_chat_engine_state",
            "1 for the state that the engine of this role is in.",
            labels=["role", "engine", "state"],
        )
        services = self._services
        for role, engine in (("supporter", services.supporter), ("judge", services.judge_engine)):
            for phase in Phase:
                states.add_metric([role, engine.name, phase.value], engine.state.phase is phase)
        return states

    def _faults(self) -> Metric:
        faults = CounterMetricFamily(
            "perm_chat_store_faults", "Calls to the store that failed, by fault.", labels=["fault"]
        )
        for fault, count in self._services.store.faults.items():
            faults.add_metric([fault.value], count)
        return faults
