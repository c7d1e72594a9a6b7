"""What a rollout is to be: arms, stages and metrics, frozen when it starts."""
