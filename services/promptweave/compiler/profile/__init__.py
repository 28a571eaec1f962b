"""What a chat template supports, derived by rendering it: roles, tool calls, reasoning, images."""
