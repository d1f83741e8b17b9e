"""The sweep with plain SGD, beside that with Adam."""
