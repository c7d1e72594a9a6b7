"""What a node does about versions and requests that kill or fail."""
