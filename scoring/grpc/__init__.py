"""The Open Inference Protocol over gRPC: a process of its own in front of a node's HTTP port."""
