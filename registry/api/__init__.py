"""The registry over REST: models, versions, tokens, the log."""
