"""How the state's tables came to be, one file a step; Alembic runs them."""
