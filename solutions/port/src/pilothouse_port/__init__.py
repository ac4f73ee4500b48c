"""Container release and cargo dispatch in a port."""
