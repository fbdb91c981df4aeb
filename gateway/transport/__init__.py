"""How we are spoken to: grpc.aio on sockets that prove who calls. The only room that knows wire types."""
