"""Audio transcription with whisper.cpp."""
