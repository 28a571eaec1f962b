"""Metrics and OpenTelemetry spans of the facade."""
