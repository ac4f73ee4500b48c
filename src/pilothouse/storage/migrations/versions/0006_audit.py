"""Tables of audit: the tree of RFC 6962, signed heads, keys of persons."""

from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

UP = """
alter table audit_entry add column label jsonb, add column policy text;

create table audit_leaf (
    position bigint primary key check (position > 0),
    entry uuid not null unique references audit_entry (id),
    hash bytea not null check (octet_length(hash) = 32)
);
create table audit_node (
    level int not null check (level > 0 and level % 8 = 0),
    place bigint not null check (place >= 0),
    hash bytea not null check (octet_length(hash) = 32),
    primary key (level, place)
);
create table audit_head (
    size bigint not null check (size > 0),
    root bytea not null check (octet_length(root) = 32),
    at text not null,
    key bytea not null check (octet_length(key) = 32),
    signature bytea not null check (octet_length(signature) = 64),
    primary key (size, key, at)
);
create table audit_person (
    subject text primary key check (subject <> ''),
    key bytea not null check (octet_length(key) = 32)
);

-- What the chain had placed gets its place in the tree; the chain itself goes.
insert into audit_pending (entry) select entry from audit_link on conflict do nothing;
drop table audit_link;

create trigger audit_leaf_append_only before update or delete on audit_leaf
    for each row execute function audit_refuse();
create trigger audit_leaf_no_truncate before truncate on audit_leaf
    for each statement execute function audit_refuse();
create trigger audit_node_append_only before update or delete on audit_node
    for each row execute function audit_refuse();
create trigger audit_node_no_truncate before truncate on audit_node
    for each statement execute function audit_refuse();
create trigger audit_head_append_only before update or delete on audit_head
    for each row execute function audit_refuse();
create trigger audit_head_no_truncate before truncate on audit_head
    for each statement execute function audit_refuse();
"""

DOWN = """
drop table audit_leaf, audit_node, audit_head, audit_person;
insert into audit_pending (entry) select id from audit_entry on conflict do nothing;
alter table audit_entry drop column label, drop column policy;

create table audit_link (
    position bigint primary key,
    entry uuid not null unique references audit_entry (id),
    prev text not null check (prev ~ '^[0-9a-f]{64}$'),
    hash text not null check (hash ~ '^[0-9a-f]{64}$')
);
create trigger audit_link_append_only before update or delete on audit_link
    for each row execute function audit_refuse();
create trigger audit_link_no_truncate before truncate on audit_link
    for each statement execute function audit_refuse();
"""


def upgrade() -> None:
    """Create what this revision brings."""
    op.execute(UP)


def downgrade() -> None:
    """Take it back."""
    op.execute(DOWN)
