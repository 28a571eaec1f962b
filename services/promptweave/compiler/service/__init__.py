"""The gRPC service and its worker processes; the only part of the compiler that uses protobuf."""
