"""The store on PostgreSQL: several gateways, one domain of idempotency and budgets."""
