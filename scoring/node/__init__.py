"""The node: the parent process that holds the sockets, follows the plan and keeps its workers alive."""
