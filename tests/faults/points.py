"""Where a worker can be killed: at the beginning of (module, function)."""

POINTS = {
    "before-socket": ("integration.delivery", "ask_shop"),
    "before-record": ("integration.delivery", "record"),
    "before-ring": ("tasks.push", "ring"),
    "in-plan": ("integration.push_queue", "open_chunks"),
}

# What can be switched off by a file of that name: (module, function).
SWITCHES = {
    "no-sweep": ("tasks.maintenance", "sweep_pushes"),
    "no-confirming": ("integration.changes", "confirm_later"),
}
