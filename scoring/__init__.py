"""What answers: plain Python, numpy and onnxruntime. Knows one routing plan and nothing else of the world."""
