"""When to read: the schedule, the intervals that the budget allows, timers and back-off."""
