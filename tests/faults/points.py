"""Where a worker can be killed: at the beginning of (module, function)."""

POINTS = {
    "before-socket": ("integration.delivery", "ask_shop"),
    "before-record": ("integration.delivery", "record"),
    "before-ring": ("tasks.push", "ring"),
    "in-plan": ("integration.push_queue", "open_chunks"),
}
