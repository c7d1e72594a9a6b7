"""What rollouts decide, simulated with the product's own classes: how often wrongly, and how soon rightly."""
