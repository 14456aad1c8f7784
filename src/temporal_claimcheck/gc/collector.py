"""A whole pass over a keyspace, from the lease to the report."""
