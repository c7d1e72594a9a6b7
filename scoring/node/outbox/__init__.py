"""What must reach the control plane: counters, feedback, the prediction log."""
