"""Output by route, for as many routes as memory allows. Pure."""

from dataclasses import dataclass, field
from typing import NamedTuple

from tokenlane_cli.record.rows import Row
from tokenlane_cli.tune.tally import Tally

MOST_ROUTES = 1024


class Route(NamedTuple):
    """What requests of one kind have in common. `system` and `tools`: hashes, empty where there are none."""

    tenant: str
    endpoint: str
    system: str
    tools: str


@dataclass(slots=True)
class RouteTraffic:
    """`budgeted` requests had an output budget and were counted by the engine, `covered` of them stayed within."""

    requests: int = 0
    output: Tally = field(default_factory=Tally)
    limited: int = 0
    budgeted: int = 0
    covered: int = 0
    budget_tokens: int = 0

    def add(self, row: Row) -> None:
        """One more request."""
        self.requests += 1
        self.output.add(row.output_length)
        self.limited += row.max_output > 0
        if row.output_budget and not row.estimated:
            self.budgeted += 1
            self.covered += row.output_length <= row.output_budget
            self.budget_tokens += row.output_budget

    def merge(self, other: "RouteTraffic") -> None:
        """All that `other` has counted."""
        self.requests += other.requests
        self.output.merge(other.output)
        self.limited += other.limited
        self.budgeted += other.budgeted
        self.covered += other.covered
        self.budget_tokens += other.budget_tokens


class Routes:
    """Traffic by route. Where there are too many, the half with fewest requests is folded into `rest`: a route that
    comes again begins anew."""

    def __init__(self, most: int = MOST_ROUTES) -> None:
        self.by_route: dict[Route, RouteTraffic] = {}
        self.rest = RouteTraffic()
        self.folded = 0
        self._most = most

    def add(self, row: Row) -> None:
        """One more request."""
        route = Route(row.tenant, row.endpoint, row.system, row.tools)
        found = self.by_route.get(route)
        if found is None:
            if len(self.by_route) >= self._most:
                self._fold()
            found = self.by_route[route] = RouteTraffic()
        found.add(row)

    def all(self) -> RouteTraffic:
        """Every route as one."""
        whole = RouteTraffic()
        whole.merge(self.rest)
        for found in self.by_route.values():
            whole.merge(found)
        return whole

    def _fold(self) -> None:
        ranked = sorted(self.by_route, key=lambda route: self.by_route[route].requests)
        for route in ranked[: max(1, self._most // 2)]:
            self.rest.merge(self.by_route.pop(route))
            self.folded += 1
