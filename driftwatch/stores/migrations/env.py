"""Run by Alembic: bring the database of the connection that it was given to the wanted revision."""

from __future__ import annotations

from alembic import context

from driftwatch.stores.state_tables import metadata


def migrate() -> None:
    """Run the migrations inside the caller's transaction."""
    context.configure(connection=context.config.attributes["connection"], target_metadata=metadata)
    with context.begin_transaction():
        context.run_migrations()


# Alembic loads this file under this name. Under any other it is being looked at, by a documentation tool for one.
if __name__ == "env_py":
    migrate()
