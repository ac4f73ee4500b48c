"""Owns how Alembic meets our database; run only through ``pilothouse.storage.run_migrations``."""

from alembic import context

context.configure(
    connection=context.config.attributes["connection"],
    version_table="storage_version",
    transaction_per_migration=False,
)
with context.begin_transaction():
    context.run_migrations()
