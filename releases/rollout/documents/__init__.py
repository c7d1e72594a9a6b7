"""A rollout as people and manifests write it: read strictly, each refusal with what to write instead."""
