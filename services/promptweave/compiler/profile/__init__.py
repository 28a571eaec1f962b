"""Detection of what a chat template supports, by rendering it: roles, tool calls, reasoning, images."""
