"""Tables of storage."""

from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the extensions and the tables of storage."""
    for extension in ("vector", "pg_trgm", "btree_gist"):
        op.execute(f"create extension if not exists {extension}")
    op.execute(
        """
        create table storage_feed (
            id bigint generated always as identity primary key,
            xid xid8 not null default pg_current_xact_id(),
            topic text not null check (topic <> ''),
            value jsonb not null,
            at timestamptz not null default clock_timestamp()
        )
        """
    )
    op.execute("create index storage_feed_order on storage_feed (xid, id)")
    op.execute("create index storage_feed_topic on storage_feed (topic, xid, id)")


def downgrade() -> None:
    """Drop the tables of storage; extensions stay, others may use them."""
    op.execute("drop table storage_feed")
