"""The gRPC service and its metrics; the only part of the inference service that knows protobuf."""
