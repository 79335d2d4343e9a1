"""The service's times, 60 times shorter where only the clock is waited for.

Where work is done in the time, as in a request's deadline or a worker's lease, it is 10 times shorter: a machine that
has other work too would break it otherwise.
"""

import json

FAST, CAREFUL = 60, 10
SCHEDULE_SECONDS = 30 * 60 // FAST
SWEEP_SECONDS = 60 // FAST
PRUNE_SECONDS = 24 * 60 * 60 // FAST
ALERT_AFTER_SECONDS = 120 // FAST
CONTRACT = {
    "backoff_seconds": round(2 / FAST, 3),
    "breaker_seconds": 30 / FAST,
    "breaker_longest_seconds": 900 / FAST,
    "processing_seconds": 300 / FAST,
    "timeout_seconds": 30 / CAREFUL,
    "slow_seconds": 20 / CAREFUL,
}
VARIABLES = {
    "ALERT_AFTER_SECONDS": str(ALERT_AFTER_SECONDS),
    "PUSH_DEADLINE_SECONDS": str(7200 // FAST),
    "CHUNK_LEASE_SECONDS": str(150 // CAREFUL),
    "RING_AGAIN_SECONDS": str(60 // CAREFUL),
    "UPDATE_GAP_SECONDS": "1",
    "CONTRACTS": json.dumps({"pasons": CONTRACT}),
}
