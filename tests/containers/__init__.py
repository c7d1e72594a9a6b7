"""The Dockerfile's steps and the compose file's commands, run on this machine without a container engine."""
