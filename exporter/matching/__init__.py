"""What new log lines say: rules, the packs that ship, and one engine that runs them all."""
