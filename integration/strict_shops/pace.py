"""How much a shop takes within a time."""

from collections import deque
from dataclasses import dataclass, field


@dataclass
class Window:
    """What was spent lately, as (when, how much). Times are seconds of one clock."""

    spent: deque[tuple[float, int]] = field(default_factory=deque)

    def spend(self, cost: int, limit: int, seconds: float, now: float) -> float:
        """0 where `cost` fits, and it is spent; otherwise how long until it fits."""
        while self.spent and self.spent[0][0] <= now - seconds:
            self.spent.popleft()
        missing = sum(amount for _, amount in self.spent) + cost - limit
        if missing <= 0:
            self.spent.append((now, cost))
            return 0.0
        return self.until_free(missing, seconds, now)

    def until_free(self, missing: int, seconds: float, now: float) -> float:
        for at, amount in self.spent:
            missing -= amount
            if missing <= 0:
                return at + seconds - now
        return seconds
