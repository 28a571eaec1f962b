"""OpenAI's audio transcription routes and subtitle formats."""
