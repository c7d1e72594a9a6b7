"""What a rollout will see and when, played by the rules that decide it."""
